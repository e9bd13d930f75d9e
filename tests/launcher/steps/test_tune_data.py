"""The artifact `data` of the tuning step in the command of every trial."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hydra_vertex.job.document import HyperparameterTuningJob
from hydra_vertex.launcher.preflight.job_builder import FILE_OVERRIDES_LABEL, app_in
from hydra_vertex.launcher.steps.tune_input import requested_job
from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.protocol.executor import Artifact, parse_executor_input
from launcher.steps.inputs import executor_input


def job_with_data(folder: Path, command: tuple[str, ...] = (), **parameters: Any) -> HyperparameterTuningJob:
    given = parse_executor_input(executor_input(folder, "http://127.0.0.1:9", command, **parameters))
    return requested_job(replace(given, inputs={"data": Artifact("data", "gs://bucket/points", {})}))


def test_every_trial_gets_the_path_of_the_data(tmp_path: Path) -> None:
    job = job_with_data(tmp_path, data_key="data.path")

    assert app_in(job) == ("python", "train.py", "data.path=/gcs/bucket/points")


def test_the_overrides_of_the_search_file_stay_the_last_ones(tmp_path: Path) -> None:
    labels = json.dumps({FILE_OVERRIDES_LABEL: "1"})
    command = '["python", "train.py", "trainer.max_steps=9"]'

    job = job_with_data(tmp_path, data_key="data.path", app_command=command, labels=labels)

    assert app_in(job) == ("python", "train.py", "data.path=/gcs/bucket/points", "trainer.max_steps=9")


def test_a_container_with_a_command_of_its_own_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="data_key: the container in trial_job_spec has a command of its own"):
        job_with_data(tmp_path, ("sh", "train.sh"), data_key="data.path")
