from __future__ import annotations

import json
from pathlib import Path

import pytest

from hydra_vertex.launcher.steps.pipeline_run import LOCATION, PROJECT, RUN_LABELS, require_place, run_labels
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.executor import ExecutorInput


def given(**parameters: str) -> ExecutorInput:
    return ExecutorInput(parameters, {}, {}, Path("output.json"))


@pytest.mark.parametrize(
    ("project", "location", "missing"),
    [(PROJECT, "l", "project"), ("", "l", "project"), ("p", LOCATION, "location"), ("p", "", "location")],
)
def test_a_place_that_the_platform_does_not_fill_in_is_refused_by_name(
    project: str, location: str, missing: str
) -> None:
    with pytest.raises(UserError, match=f"^{missing}: only Vertex Pipelines knows it by itself"):
        require_place(given(project=project, location=location))


def test_a_given_place_is_accepted() -> None:
    require_place(given(project="p", location="us-central1"))


def test_the_labels_of_the_run_are_read() -> None:
    label = {"vertex-ai-pipelines-run-billing-id": "123", "number": 4}

    assert run_labels({RUN_LABELS: json.dumps(label)}) == {
        "vertex-ai-pipelines-run-billing-id": "123",
        "number": "4",
    }
    assert run_labels({}) == {}


@pytest.mark.parametrize("text", ["{", "[]", "1"])
def test_invalid_labels_are_named_and_not_used(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_labels({RUN_LABELS: text}) == {}
    assert f"tune: {RUN_LABELS} is not a JSON object and is not used" in capsys.readouterr().err
