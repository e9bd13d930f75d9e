"""Documents that other programs print, in any state, through the commands that show them."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from hydra_vertex.cli.main import main
from hydra_vertex.job import JobState, TrialState
from hydra_vertex.launcher.files.job_file import job_in
from hydra_vertex.launcher.files.job_forms import as_api_json
from hydra_vertex.launcher.study.live_table import StudyDisplay

TIMES = st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.123456789Z", "2025-12-31 23:59:59+01:00"])
NUMBERS = st.sampled_from([0.0, 0.5, -3, 7, 1e300, "NaN", "Infinity", "-Infinity", float("nan"), float("inf")])
METRICS = st.sampled_from(["loss", "other"])
SPACE = [
    {"parameterId": "lr", "doubleValueSpec": {"minValue": 1e-5, "maxValue": 0.5}, "scaleType": "UNIT_LOG_SCALE"},
    {"parameterId": "units", "integerValueSpec": {"minValue": "16", "maxValue": 64}},
    {"parameterId": "size", "discreteValueSpec": {"values": [1, 2.5]}},
    {"parameterId": "net", "categoricalValueSpec": {"values": ["a", "b"]}},
]


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with any of the fields."""
    return st.fixed_dictionaries({}, optional=fields)


MEASUREMENT = some(
    metrics=st.lists(some(metricId=METRICS, value=NUMBERS), max_size=3),
    stepCount=st.sampled_from(["3", 0, 7]),
    elapsedDuration=st.sampled_from(["3s", {"seconds": 3}]),
)
PARAMETERS = st.lists(
    st.fixed_dictionaries(
        {
            "parameterId": st.sampled_from(["lr", "units", "size", "net", "unknown"]),
            "value": st.sampled_from([0.1, 16.0, 2.5, 1000, "a", "zoo", "NaN", ""]),
        }
    ),
    max_size=4,
)
TRIAL = some(
    id=st.sampled_from(["1", "2", "3", "x", ""]),
    state=st.sampled_from([*(state.value for state in TrialState), 0, 3, 5]),
    parameters=PARAMETERS,
    finalMeasurement=MEASUREMENT,
    measurements=st.lists(MEASUREMENT, max_size=3),
    infeasibleReason=st.sampled_from(["", "no memory\nat all", "\x1b[2J", "\n"]),
    startTime=TIMES,
    endTime=TIMES,
    customJob=st.just("projects/p/locations/l/customJobs/1"),
)
STUDY = st.integers(0, 4).map(lambda count: {"metrics": [{"metricId": "loss"}], "parameters": SPACE[:count]})
JOB = st.builds(
    lambda study, fields: {**fields, "studySpec": study},
    STUDY,
    some(
        name=st.sampled_from(["projects/p/locations/europe-west4/hyperparameterTuningJobs/1", "odd", ""]),
        displayName=st.sampled_from(["docs", "", "[bold]\x1b[2J"]),
        state=st.sampled_from([*(state.value for state in JobState), 3, 9]),
        trials=st.lists(TRIAL, max_size=5),
        maxTrialCount=st.integers(0, 5),
        parallelTrialCount=st.integers(0, 5),
        createTime=TIMES,
        startTime=TIMES,
        endTime=TIMES,
        error=some(code=st.just(8), message=st.sampled_from(["", "quota"])),
        labels=st.just({"team": "a"}),
    ),
)


def command(*arguments: str) -> tuple[int, str, str]:
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = main(list(arguments))
    return code, out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("documents")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(JOB)
def test_any_document_of_a_job_has_a_status(folder: Path, job: dict[str, Any]) -> None:
    (folder / "job.json").write_text(json.dumps(job))

    code, out, err = command("status", str(folder / "job.json"))
    as_json = command("status", str(folder / "job.json"), "--json")

    assert (code, err) == (0, "")
    assert "\x1b" not in out
    assert (as_json[0], json.loads(as_json[1])["maxTrialCount"]) == (0, job.get("maxTrialCount", 0))


@settings(max_examples=100, deadline=None)
@given(JOB, st.booleans())
def test_any_document_of_a_job_is_displayed_while_it_is_watched(job: dict[str, Any], on_terminal: bool) -> None:
    parsed = job_in(as_api_json(job), Path("job.json"))
    output = io.StringIO()
    console = Console(file=output, force_terminal=on_terminal, markup=False, emoji=False, highlight=False, width=200)

    with StudyDisplay(console) as display:
        display.update(parsed)
        display.update(dataclasses.replace(parsed, state=JobState.EXPIRED))

    assert "expired" in output.getvalue().lower()


@settings(max_examples=25, deadline=None)
@given(JOB)
def test_any_document_of_a_job_has_a_report(folder: Path, job: dict[str, Any]) -> None:
    (folder / "job.json").write_text(json.dumps(job))

    code, _, err = command("report", str(folder / "job.json"), "-o", str(folder / "report.html"))

    assert (code, err) == (0, "")


@settings(max_examples=100, deadline=None)
@given(JOB)
def test_the_best_trial_of_any_document_is_selected_or_its_absence_is_said(folder: Path, job: dict[str, Any]) -> None:
    (folder / "job.json").write_text(json.dumps(job))

    code, out, err = command("best", str(folder / "job.json"), "-o", str(folder / "best.yaml"))

    # None of these jobs has the app's command, so a best trial ends with a request for it.
    assert (code, out) in {(1, ""), (2, "")}
    assert "no trial to select" in err or "give the app's command after --" in err


@pytest.mark.parametrize("name", ["status", "report", "best"])
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"state": "JOB_STATE_NEW"}, "state: expected one of JOB_STATE_UNSPECIFIED"),
        ({"trials": 3}, "trials: expected an array"),
        ({"trials": [{"state": 17}]}, "trials[0].state: expected one of"),
        ({"createTime": "yesterday"}, "createTime: expected a time"),
        ({"createTime": {"seconds": "x"}}, "createTime: expected a time"),
    ],
)
def test_a_document_of_another_form_is_refused_with_the_field(
    folder: Path, name: str, change: dict[str, Any], expected: str
) -> None:
    (folder / "job.json").write_text(json.dumps({"studySpec": {"metrics": [{"metricId": "loss"}]}, **change}))

    code, out, err = command(name, str(folder / "job.json"))

    assert (code, out) == (2, "")
    assert expected in err
    assert len(err.splitlines()) == 1
