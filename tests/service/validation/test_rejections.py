"""The table of rejections in docs/tuning-service.md, row by row."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT
from hydra_vertex.job import parse_custom_job, parse_job
from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.service.api.google_messages import canonical
from hydra_vertex.service.folder import ServiceFolder
from hydra_vertex.service.resource_names import JobKind
from hydra_vertex.service.status import Refusal, Status
from hydra_vertex.service.validation.jobs import validate, validate_custom_job
from service.harness import Document, job_document

ROW = re.compile(r"^\| `([^`]+)` \| `([^`]+)` \| (.+) \|$", re.MULTILINE)
SECTION = (ROOT / "docs/tuning-service.md").read_text().partition("### What is refused")[2].partition("\n### ")[0]
ROWS = [(path, json.loads(value), reason) for path, value, reason in ROW.findall(SECTION)]


def study(tmp_path: Path) -> Document:
    document = job_document(tmp_path / "app", "report", trials=4)
    document["studySpec"]["parameters"] += [{"parameterId": "c", "categoricalValueSpec": {"values": ["a", "b"]}}]
    return document


def put(document: Any, path: str, value: object) -> None:
    """Set a field by its path; missing parent messages are created."""
    *parents, last = [int(step) if step.isdigit() else step for step in re.findall(r"[^.\[\]]+", path)]
    for step in parents:
        document = document[step] if isinstance(step, int) else document.setdefault(step, {})
    document[last] = value


def accept(document: Document, folder: Path) -> None:
    """Validate a tuning job as a service does before it accepts it."""
    job = parse_job(canonical(JobKind.TUNING, document))
    validate(job)
    ServiceFolder(folder).output_base("", job.trial_job_spec.base_output_uri)


def test_the_table_is_found() -> None:
    assert len(ROWS) > 35
    assert len(ROWS) == len(re.findall(r"^\| `", SECTION, re.MULTILINE))


@pytest.mark.parametrize(("path", "value", "reason"), ROWS, ids=[f"{path}={value}"[:80] for path, value, _ in ROWS])
def test_a_row_of_the_table_is_refused_for_its_reason(tmp_path: Path, path: str, value: object, reason: str) -> None:
    document = study(tmp_path)
    accept(document, tmp_path)
    put(document, path, value)
    with pytest.raises((Refusal, DocumentError)) as caught:
        accept(document, tmp_path)
    assert reason in str(caught.value)
    assert str(caught.value).startswith(f"{caught.value.field}: ")
    assert caught.value.field.split(".")[0] == path.split(".")[0]
    assert not isinstance(caught.value, Refusal) or caught.value.status is Status.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        row
        for row in ROWS
        if row[0].startswith(("trialJobSpec", "displayName", "labels")) and "baseOutput" not in row[0]
    ],
)
def test_a_custom_job_is_refused_by_the_same_rules(tmp_path: Path, path: str, value: object, reason: str) -> None:
    spec = study(tmp_path)["trialJobSpec"]
    document = {"displayName": "a job", "jobSpec": spec}
    validate_custom_job(parse_custom_job(canonical(JobKind.CUSTOM, document)))
    put(document, path.replace("trialJobSpec", "jobSpec"), value)
    with pytest.raises((Refusal, DocumentError)) as caught:
        validate_custom_job(parse_custom_job(canonical(JobKind.CUSTOM, document)))
    assert reason.replace("trialJobSpec", "jobSpec") in str(caught.value)
