"""The report of a study of several objectives."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from hydra_vertex.job import HyperparameterTuningJob
from hydra_vertex.launcher.best.selection import rank
from hydra_vertex.launcher.report import write_report
from hydra_vertex.launcher.report.figures import build_figures
from launcher.best.test_pareto import job_of

JOB = job_of((0.0, 0.0), (0.3, 0.8), (1.0, 1.0), (0.9, 0.1))
HOSTILE = "<b>&%{x}"


def page_of(job: HyperparameterTuningJob, folder: Path) -> str:
    path = folder / "report.html"
    write_report(job, path, best=next(iter(rank(job)), None))
    return path.read_text()


def test_the_first_figure_has_the_pareto_set_its_border_and_the_selected_trial() -> None:
    figure = build_figures(JOB, rank(JOB)[0])[0]
    traces = {trace.get("name"): trace for trace in figure.plot["data"]}  # type: ignore[index,call-overload,union-attr]  # JSON
    assert traces["Pareto set"]["x"] == [0.3, 0.0, 1.0]  # type: ignore[index,call-overload]
    assert traces["other trials"]["y"] == [0.1]  # type: ignore[index,call-overload]
    assert traces["selected"]["x"] == [0.3]  # type: ignore[index,call-overload]
    assert traces[None]["x"] == [0.0, 0.3, 1.0]  # type: ignore[index,call-overload]
    assert figure.aid.startswith("Each dot is a trial; lower loss and higher acc are better.")


@pytest.mark.parametrize(("count", "pairs"), [(2, 1), (3, 3)])
def test_each_pair_of_objectives_has_a_figure_and_no_figure_has_a_best_so_far(count: int, pairs: int) -> None:
    names = ("loss", "acc", "size")[:count]
    job = job_of((0.1, 0.2, 3.0)[:count], (0.2, 0.3, 2.0)[:count], names=names)
    ids = [figure.id for figure in build_figures(job, rank(job)[0])]
    assert [name for name in ids if name.startswith("pareto")] == [f"pareto-{n}" for n in range(1, pairs + 1)]
    assert len(set(ids)) == len(ids)
    assert "history" not in ids


def test_the_table_has_every_objective_and_marks_the_pareto_set(tmp_path: Path) -> None:
    page = page_of(JOB, tmp_path)
    assert '<button type="button">loss</button>' in page
    assert '<button type="button">acc</button>' in page
    assert page.count(">succeeded, Pareto set<") == 2
    assert page.count(">succeeded, selected, Pareto set<") == 1
    assert page.count(">succeeded<") == 1
    assert "Trial 2: the member of the Pareto set that is closest to the best value of every objective." in page
    assert "<dd>3 trials</dd>" in page


def test_the_names_of_objectives_are_displayed_literally(tmp_path: Path) -> None:
    metrics = tuple(dataclasses.replace(m, id=f"{HOSTILE}{m.id}") for m in JOB.study_spec.metrics)
    trials = [
        dataclasses.replace(
            trial,
            final_measurement=dataclasses.replace(
                trial.final_measurement,
                metrics={f"{HOSTILE}{k}": v for k, v in trial.final_measurement.metrics.items()},
            ),
        )
        for trial in JOB.trials
        if trial.final_measurement is not None
    ]
    spec = dataclasses.replace(JOB.study_spec, metrics=metrics)
    page = page_of(dataclasses.replace(JOB, study_spec=spec, trials=tuple(trials)), tmp_path)
    assert HOSTILE not in page
    assert "&lt;b&gt;&amp;%{x}loss" in page


def test_a_study_without_a_complete_trial_has_a_report(tmp_path: Path) -> None:
    assert "<dd>0 trials</dd>" in page_of(job_of(), tmp_path)
