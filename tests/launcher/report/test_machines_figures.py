"""The pictures of the trials' machines."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from hydra_vertex.job import HyperparameterTuningJob, JobState, TrialState
from hydra_vertex.job.machine_use import MachineCurve
from hydra_vertex.launcher.best.selection import rank
from hydra_vertex.launcher.machines import StudyMachines
from hydra_vertex.launcher.report import write_report
from hydra_vertex.launcher.report.figures import Figure, build_figures
from hydra_vertex.launcher.report.palette import LIGHT
from launcher.jobs import START, make_job, make_trial

GIB = 1 << 30


def curve(*, gpu: float | None = 0.5, points: int = 120, worker: str = "workerpool0-0") -> MachineCurve:
    return MachineCurve(
        worker,
        START,
        tuple(10.0 * (n + 1) for n in range(points)),
        (1.5,) * points,
        (2 * GIB,) * points,
        (gpu,) * points,
        (None if gpu is None else GIB,) * points,
        4.0,
        0 if gpu is None else 1,
        memory_limit_bytes=8 * GIB,
    )


def study(count: int) -> HyperparameterTuningJob:
    trials = [make_trial(n, float(n)) for n in range(1, count + 1)]
    trials[1] = dataclasses.replace(trials[1], stopping_reason="median")
    trials[2] = dataclasses.replace(trials[2], state=TrialState.INFEASIBLE, final_measurement=None)
    return make_job(trials)


def pictures(job: HyperparameterTuningJob, machines: StudyMachines) -> dict[str, Figure]:
    found = build_figures(job, rank(job)[0], machines=machines)
    return {figure.id: figure for figure in found if figure.id.startswith("machines-")}


def traces(figure: Figure) -> list[dict[str, Any]]:
    assert isinstance(figure.plot, dict)
    found: list[dict[str, Any]] = figure.plot["data"]
    return found


def lines(trace: dict[str, Any]) -> list[list[float]]:
    return [list(group) for is_gap, group in itertools.groupby(trace["y"], lambda y: y is None) if not is_gap]


def test_four_pictures_have_one_line_a_trial_and_tell_the_stopped_failed_and_best_ones_apart() -> None:
    found = pictures(study(6), StudyMachines({str(n): (curve(),) for n in range(1, 7)}))
    assert list(found) == ["machines-cpu", "machines-memory", "machines-gpu", "machines-gpu-memory"]
    for figure in found.values():
        names = [trace["name"] for trace in traces(figure)]
        assert names == ["finished (3)", "stopped early (1)", "infeasible (1)", "best"]
        assert [len(lines(trace)) for trace in traces(figure)] == [3, 1, 1, 1]
        assert len({(trace["line"]["color"], trace["line"]["dash"]) for trace in traces(figure)}) == 4
        assert traces(figure)[1]["line"] == {"color": LIGHT["stopped"], "width": 1.2, "dash": "dot"}
        assert traces(figure)[-1]["line"]["color"] == LIGHT["accent"]
    assert lines(traces(found["machines-gpu"])[0])[0][0] == 50
    assert lines(traces(found["machines-memory"])[0])[0][0] == 2
    assert "Each may use 8 GiB." in found["machines-memory"].aid


@pytest.mark.parametrize(("state", "name"), [(JobState.RUNNING, "running (1)"), (JobState.CANCELLED, "cancelled (1)")])
def test_a_trial_has_the_state_that_the_other_pictures_have(state: JobState, name: str) -> None:
    trials = [make_trial(1, 1.0), make_trial(2, None, TrialState.ACTIVE)]
    found = pictures(make_job(trials, state=state), StudyMachines({str(n): (curve(),) for n in (1, 2)}))
    assert [trace["name"] for trace in traces(found["machines-cpu"])] == [name, "best"]


def test_what_was_not_measured_has_no_picture() -> None:
    found = pictures(study(4), StudyMachines({str(n): (curve(gpu=None),) for n in range(1, 5)}))
    assert list(found) == ["machines-cpu", "machines-memory"]
    assert pictures(study(4), StudyMachines(missing="no rights")) == {}
    assert pictures(study(4), StudyMachines({"1": (MachineCurve("workerpool0-0", START, missing="x"),)})) == {}


@pytest.mark.parametrize(("count", "points", "kilobytes"), [(4, 40, 20), (1000, 8, 700)])
def test_the_pictures_of_a_thousand_trials_are_light(count: int, points: int, kilobytes: int) -> None:
    found = pictures(study(count), StudyMachines({str(n): (curve(),) for n in range(1, count + 1)}))
    assert all(len(line) == points for trace in traces(found["machines-cpu"]) for line in lines(trace))
    assert sum(len(json.dumps(figure.plot)) for figure in found.values()) < kilobytes << 10


def test_curves_of_trials_that_the_job_does_not_have_are_left_out() -> None:
    found = pictures(study(3), StudyMachines({"1": (curve(),), "99": (curve(),)}))
    assert [len(lines(trace)) for trace in traces(found["machines-cpu"])] == [1]


def test_each_worker_of_a_trial_has_a_line_with_its_name() -> None:
    found = pictures(study(3), StudyMachines({"1": (curve(), curve(worker="workerpool1-0"))}))
    (trace,) = traces(found["machines-cpu"])
    assert set(trace["customdata"]) == {1, None, "1, workerpool1-0"}


def test_the_page_says_what_is_wrong_and_why_something_is_missing(tmp_path: Path) -> None:
    job, path = study(4), tmp_path / "report.html"
    strange = dataclasses.replace(curve(gpu=None), missing="<script>alert(1)</script>")
    write_report(job, path, best=rank(job)[0], machines=StudyMachines({"1": (curve(gpu=0.1),), "2": (strange,)}))
    page = path.read_text()
    assert "Trial 1: the GPU is starved: busy 10 % in the median, with 1.5 cores busy" in page
    assert "Not measured in trial 2: &lt;script&gt;" in page
    assert "<script>alert" not in page
