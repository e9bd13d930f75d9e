from typing import Any

import pytest
import torch
from torch import nn

ADAMW: dict[str, Any] = {
    "name": "adamw",
    "lr": 0.01,
    "weight_decay": 0.1,
    "warmup_fraction": 0.1,
    "betas": (0.9, 0.95),
}
SGD: dict[str, Any] = {"name": "sgd", "lr": 0.1, "weight_decay": 0.0, "warmup_fraction": 0.0, "momentum": 0.9}


def test_the_learning_rate_rises_to_its_maximum_and_falls_to_a_tenth(app):
    factors = [app("optimizers").Schedule(total_steps=100, warmup_fraction=0.1)(step) for step in range(101)]
    assert factors[:11] == sorted(factors[:11])
    assert factors[0] > 0
    assert max(factors) == factors[10] == 1
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert factors[100] == pytest.approx(0.1)


def test_a_run_without_warm_up_or_of_one_step_starts_at_the_full_learning_rate(app):
    schedule = app("optimizers").Schedule
    assert schedule(total_steps=50, warmup_fraction=0.0)(0) == 1
    assert schedule(total_steps=1, warmup_fraction=0.0)(0) == 1


@pytest.mark.parametrize("values", [ADAMW, SGD])
def test_every_optimizer_reduces_a_loss(app, values):
    torch.manual_seed(0)
    layer = nn.Linear(4, 1)
    optimizer = app("optimizers").optimizer_type(values["name"])(**values).build(layer)
    x = torch.ones(8, 4)
    start = layer(x).square().mean().item()
    for _ in range(5):
        optimizer.zero_grad()
        layer(x).square().mean().backward()
        optimizer.step()
    assert layer(x).square().mean().item() < start


def test_weight_decay_applies_only_to_matrices(app):
    layer = nn.Linear(4, 2)
    optimizer = app("optimizers").AdamW(**ADAMW).build(layer)
    decays = {id(parameter): group["weight_decay"] for group in optimizer.param_groups for parameter in group["params"]}
    assert decays == {id(layer.weight): 0.1, id(layer.bias): 0.0}


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        (ADAMW, {"lr": 0.0}, r"optimizer\.lr is 0\.0"),
        (ADAMW, {"weight_decay": -0.1}, r"optimizer\.weight_decay is -0\.1"),
        (ADAMW, {"warmup_fraction": 1.0}, r"optimizer\.warmup_fraction is 1\.0"),
        (ADAMW, {"betas": (0.9, 1.0)}, r"optimizer\.betas is \(0\.9, 1\.0\)"),
        (ADAMW, {"betas": (0.9,)}, r"optimizer\.betas is \(0\.9,\)"),
        (SGD, {"momentum": 1.5}, r"optimizer\.momentum is 1\.5"),
    ],
)
def test_the_error_for_a_value_out_of_range_names_the_field(app, kind, change, message):
    with pytest.raises(ValueError, match=message):
        app("optimizers").optimizer_type(kind["name"])(**kind | change)


def test_the_error_for_an_unknown_optimizer_lists_the_known_ones(app):
    with pytest.raises(ValueError, match=r"optimizer\.name is 'lion'; choose one of adamw, sgd"):
        app("optimizers").optimizer_type("lion")
