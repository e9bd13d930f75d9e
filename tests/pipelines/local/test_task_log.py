"""The states of a pipeline's tasks, as the program of a pipeline job reports them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hydra_vertex.pipelines.local.job_runner import identity_of, typed_arguments
from hydra_vertex.pipelines.local.task_log import TaskLog

SPEC: dict[str, Any] = {
    "components": {
        "comp-train": {"executorLabel": "exec-train"},
        "comp-inner": {"dag": {"tasks": {"leaf": {"componentRef": {"name": "comp-leaf"}}}}},
        "comp-leaf": {"executorLabel": "exec-leaf"},
    },
    "root": {
        "dag": {
            "tasks": {
                "train": {"componentRef": {"name": "comp-train"}, "taskInfo": {"name": "train"}},
                "train-2": {"componentRef": {"name": "comp-train"}, "taskInfo": {"name": "again"}},
                "inner": {"componentRef": {"name": "comp-inner"}},
            }
        }
    },
}


def states(file: Path) -> list[tuple[str, str]]:
    return [(task["taskName"], task["state"]) for task in json.loads(file.read_text())]


def test_tasks_of_one_component_start_one_after_the_other(tmp_path: Path) -> None:
    file = tmp_path / "tasks.json"
    log = TaskLog(SPEC, file)
    assert states(file) == [("train", "PENDING"), ("again", "PENDING")]

    log.started("train")
    assert states(file) == [("train", "RUNNING"), ("again", "PENDING")]
    log.ended("train", "")
    log.started("train")
    log.ended("train", "The step ended with exit code 3.")

    assert states(file) == [("train", "SUCCEEDED"), ("again", "FAILED")]
    assert json.loads(file.read_text())[1]["error"]["message"] == "The step ended with exit code 3."


def test_a_task_of_a_nested_pipeline_appears_when_it_starts(tmp_path: Path) -> None:
    file = tmp_path / "tasks.json"
    log = TaskLog(SPEC, file)

    log.started("leaf")

    assert states(file)[-1] == ("leaf", "RUNNING")


def test_whole_numbers_of_a_struct_are_integers_where_the_pipeline_has_integers() -> None:
    parameters = {"count": {"parameterType": "NUMBER_INTEGER"}, "rate": {"parameterType": "NUMBER_DOUBLE"}}

    found = typed_arguments({"count": 12.0, "rate": 2.0, "name": "x"}, parameters)

    assert {name: (type(value), value) for name, value in found.items()} == {
        "count": (int, 12),
        "rate": (float, 2.0),
        "name": (str, "x"),
    }


def test_the_placeholders_are_those_of_the_pipeline_job() -> None:
    identity = identity_of("projects/p/locations/l/pipelineJobs/run-1", "run-1-7")

    assert identity.folder == "run-1-7"
    assert identity.placeholders()["{{$.pipeline_google_cloud_project_id}}"] == "p"
    assert identity.placeholders()["{{$.pipeline_google_cloud_location}}"] == "l"
    assert identity.placeholders()["{{$.pipeline_job_resource_name}}"].endswith("/pipelineJobs/run-1")
