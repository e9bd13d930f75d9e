from __future__ import annotations

from typing import Any

import pytest

from hydra_vertex.pipelines.model_decisions import ModelDecisions, model_decisions, require_not_tuned
from hydra_vertex.protocol.errors import UserError
from launcher.jobs import SPEC

DEFAULTS: dict[str, Any] = {"no_retrain": False, "warm_start_key": "", "log_experiment": "", "retrain_overrides": ()}


@pytest.mark.parametrize(
    ("options", "arguments"),
    [
        ({}, {}),
        ({"no_retrain": True}, {"retraining": "skip"}),
        ({"warm_start_key": "trainer.ckpt_path"}, {"warm_start_key": "trainer.ckpt_path"}),
        ({"log_experiment": "tuning-1"}, {"log_experiment": "tuning-1"}),
        (
            {"warm_start_key": "ckpt_path", "retrain_overrides": ["trainer.max_epochs=3"]},
            {"warm_start_key": "ckpt_path"},
        ),
    ],
)
def test_parameters_at_their_defaults_are_left_out(options: dict[str, Any], arguments: dict[str, str]) -> None:
    assert model_decisions(**{**DEFAULTS, **options}).pipeline_arguments() == arguments


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"no_retrain": True, "warm_start_key": "ckpt_path"}, "--warm-start ckpt_path is for the retraining"),
        ({"no_retrain": True, "retrain_overrides": ["a=1"]}, "--retrain a=1 is for the retraining"),
        ({"warm_start_key": "ckpt_path=x"}, "--warm-start ckpt_path=x: expected a key of the app's config"),
        ({"warm_start_key": "+ckpt_path"}, r"--warm-start \+ckpt_path: expected a key"),
        (
            {"warm_start_key": "ckpt_path", "retrain_overrides": ["+ckpt_path=x"]},
            "--retrain sets ckpt_path, which --warm-start sets",
        ),
        ({"log_experiment": "Tuning"}, "--log-experiment 'Tuning': expected 1 to 90 lower-case letters"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        model_decisions(**{**DEFAULTS, **options})


@pytest.mark.parametrize(
    ("key", "aliases", "is_refused"),
    [
        ("optimizer.lr", (), True),
        ("ckpt_path", ("optimizer.lr=ckpt_path",), True),
        ("optimizer.lr", ("optimizer.lr=ckpt_path",), False),
        ("ckpt_path", (), False),
        ("", (), False),
    ],
)
def test_a_key_of_the_search_space_takes_no_checkpoint(key: str, aliases: tuple[str, ...], *, is_refused: bool) -> None:
    if is_refused:
        with pytest.raises(UserError, match=f"--warm-start {key}: the search space has this key too"):
            require_not_tuned(key, SPEC, aliases)
    else:
        require_not_tuned(key, SPEC, aliases)


def test_the_defaults_retrain_from_scratch() -> None:
    assert model_decisions(**DEFAULTS) == ModelDecisions()
