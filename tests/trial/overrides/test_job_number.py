from __future__ import annotations

from pathlib import Path

import pytest

from hydra_vertex.trial.overrides.arguments import parse_arguments
from hydra_vertex.trial.overrides.job_number import job_overrides
from trial.apps import TRAIN, hydra_trial, write_app

NAMES = TRAIN.replace("print(cfg)", "print('job', HydraConfig.get().job.num, HydraConfig.get().job.id)").replace(
    "import sys\n", "import sys\n    from hydra.core.hydra_config import HydraConfig\n"
)


@pytest.mark.parametrize(
    ("trial", "arguments", "overrides"),
    [
        ("7", (), ("hydra.job.id='7'", "hydra.job.num=6")),
        ("7", ("hydra.job.num=3",), ("hydra.job.id='7'",)),
        ("7", ("++hydra.job.id=x", "--hydra.job.num=3"), ()),
        ("a b", (), ("hydra.job.id='a b'",)),
        ("0", (), ("hydra.job.id='0'",)),
        ("", (), ()),
        ("7", ("--multirun",), ()),
        ("7", ("--cfg=job",), ()),
    ],
)
def test_a_trial_has_the_number_and_id_of_a_job(
    trial: str, arguments: tuple[str, ...], overrides: tuple[str, ...]
) -> None:
    assert job_overrides({"CLOUD_ML_TRIAL_ID": trial}, parse_arguments(arguments)) == overrides


@pytest.mark.parametrize("arguments", [("--lr=1",), ("lr=1",), ()])
def test_the_app_finds_the_number_of_its_trial(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    app = write_app(tmp_path, NAMES)

    ended = hydra_trial(app, "--", "python", "train.py", *arguments, environ={"CLOUD_ML_TRIAL_ID": "3"})

    assert ended.returncode == 0, ended.stderr
    assert "job 2 3" in ended.stdout
