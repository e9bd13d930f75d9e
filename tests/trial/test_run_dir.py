from __future__ import annotations

import pytest

from hydra_vertex.trial.arguments import parse_arguments
from hydra_vertex.trial.run_dir import run_dir_override


@pytest.mark.parametrize(
    ("model_dir", "override"),
    [
        ("/out/7/model/", "hydra.run.dir='/out/7/hydra'"),
        ("/out/7/model", "hydra.run.dir='/out/7/hydra'"),
        ("/it's/${x}/model/", r"hydra.run.dir='/it\'s/\${x}/hydra'"),
        ("", None),
        ("gs://no-such-bucket/7/model/", None),
    ],
)
def test_hydra_writes_beside_the_model(model_dir: str, override: str | None) -> None:
    assert run_dir_override({"AIP_MODEL_DIR": model_dir}, parse_arguments(["lr=1"])) == override


@pytest.mark.parametrize(
    "argument",
    ["hydra.run.dir=mine", "++hydra.run.dir=mine", "--hydra.run.dir=mine", "--multirun", "-m", "--help", "--cfg=job"],
)
def test_where_the_command_line_says_more_hydra_is_left_alone(argument: str) -> None:
    assert run_dir_override({"AIP_MODEL_DIR": "/out/7/model/"}, parse_arguments(["lr=1", argument])) is None


def test_outside_of_a_trial_hydra_is_left_alone() -> None:
    assert run_dir_override({}, parse_arguments(["lr=1"])) is None
