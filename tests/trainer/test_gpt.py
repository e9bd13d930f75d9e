import math
from typing import Any

import pytest
import torch

NANO: dict[str, Any] = {"depth": 2, "width": 16, "heads": 4, "activation": "gelu", "dropout": 0.0, "block_size": 8}


@pytest.fixture
def model(app):
    torch.manual_seed(0)
    gpt = app("gpt")
    return gpt.GPT(gpt.GPTConfig(**NANO)).eval()


def test_a_prediction_depends_only_on_the_preceding_bytes(model):
    tokens = torch.arange(8)[None]
    changed = tokens.clone()
    changed[0, 5] = 200
    before, after = model(tokens), model(changed)
    assert torch.equal(before[0, :5], after[0, :5])
    assert not torch.allclose(before[0, 5:], after[0, 5:])


def test_the_loss_of_an_untrained_model_is_that_of_a_uniform_prediction(model):
    windows = torch.randint(256, (64, 9), dtype=torch.uint8)
    assert model.loss(windows).item() == pytest.approx(math.log(256), abs=0.1)


@pytest.mark.parametrize("activation", ["gelu", "relu", "silu", "tanh"])
def test_a_model_with_any_activation_can_memorize_a_window(app, activation):
    torch.manual_seed(0)
    gpt = app("gpt")
    model = gpt.GPT(gpt.GPTConfig(**NANO | {"activation": activation}))
    windows = torch.arange(9, dtype=torch.uint8)[None]
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(40):
        optimizer.zero_grad()
        model.loss(windows).backward()
        optimizer.step()
    assert model.loss(windows).item() < 0.1
    assert app("gpt").generate(model, b"\x00", 8, temperature=0) == bytes(range(9))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 30}, r"model\.width is 30; it must be a multiple of model\.heads \(4\)"),
        ({"activation": "swish"}, r"model\.activation is 'swish'; choose one of gelu, relu, silu, tanh"),
        ({"depth": 0}, r"model\.depth is 0"),
        ({"heads": 0}, r"model\.heads is 0"),
        ({"dropout": 1.0}, r"model\.dropout is 1\.0"),
    ],
)
def test_the_error_for_an_invalid_model_config_names_the_field(app, change, message):
    with pytest.raises(ValueError, match=message):
        app("gpt").GPTConfig(**NANO | change)


def test_generated_text_starts_with_the_prompt_and_can_be_longer_than_a_block(app, model):
    text = app("gpt").generate(model, b"a prompt longer than a block", 20)
    assert text.startswith(b"a prompt longer than a block")
    assert len(text) == 28 + 20


def test_the_same_seed_generates_the_same_text(app, model):
    generate = app("gpt").generate
    assert generate(model, b"a", 30, seed=1) == generate(model, b"a", 30, seed=1)
    assert generate(model, b"a", 30, seed=1) != generate(model, b"a", 30, seed=2)


@pytest.mark.parametrize(("prompt", "temperature"), [(b"", 1.0), (b"a", -1.0)])
def test_an_empty_prompt_or_a_negative_temperature_is_refused(app, model, prompt, temperature):
    with pytest.raises(ValueError, match=r"prompt is empty|temperature is -1"):
        app("gpt").generate(model, prompt, 1, temperature)
