"""The table, the lines and the summary of a running study of several objectives."""

from __future__ import annotations

import dataclasses
import io
from datetime import timedelta

from rich.console import Console

from hydra_vertex.job import JobState
from hydra_vertex.job.preference import PREFER_LABEL
from hydra_vertex.launcher.secrets.masker import NO_SECRETS
from hydra_vertex.launcher.study.live_table import render
from hydra_vertex.launcher.study.progress import change_lines, progress, progress_line
from hydra_vertex.launcher.study.status import status_document, status_lines
from hydra_vertex.launcher.study.trial_rows import visible_trials
from launcher.best.test_pareto import job_of
from launcher.jobs import START, make_job

NOW = START + timedelta(seconds=62)
JOB = job_of((0.0, 0.0), (0.3, 0.8), (1.0, 1.0), (0.9, 0.1))


def test_the_progress_line_has_the_pareto_set_and_no_best_value() -> None:
    line = progress_line(JOB, progress(JOB, NOW))
    assert line.startswith("4 of 12 trials, 0 running, Pareto set: trials 1, 2, 3, elapsed ")
    assert "best" not in line


def test_of_a_large_pareto_set_the_line_has_the_first_trials_and_the_number_of_the_others() -> None:
    job = job_of(*((float(n), float(n)) for n in range(20)))
    assert "Pareto set: trials 1, 2, 3, 4, 5, 6, 7, 8 and 12 more, " in progress_line(job, progress(job, NOW))


def test_the_line_of_a_trial_has_every_objective() -> None:
    assert next(change_lines(None, JOB)).endswith("  loss=0 acc=0")


def test_the_table_has_a_column_for_each_objective_and_none_for_the_best_so_far() -> None:
    console = Console(file=io.StringIO(), width=140, force_terminal=False)
    console.print(render(JOB, NOW))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert " loss " in text
    assert " acc " in text
    assert "best so far" not in text


def test_a_long_study_shows_members_of_the_pareto_set() -> None:
    job = job_of((0.0, 0.0), (1.0, 1.0), *((2.0, -float(n)) for n in range(98)))
    assert [trial.id for trial in visible_trials(job)][:2] == ["1", "2"]


def test_the_summary_has_the_pareto_set_the_selected_trial_and_the_rule() -> None:
    lines = dict(status_lines(JOB, NOW, NO_SECRETS))
    assert lines["Pareto set"] == "trials 1, 2, 3"
    assert lines["selected"].startswith("trial 2: loss = 0.3, acc = 0.8")
    assert lines["selected"].endswith(
        "; the member of the Pareto set that is closest to the best value of every objective"
    )
    document = status_document(JOB, NO_SECRETS)
    assert document["metrics"] == ["loss", "acc"]
    assert [member["trial"] for member in document["pareto"]] == ["2", "1", "3"]  # type: ignore[index,union-attr,call-overload]  # JSON


def test_the_summary_has_the_trial_that_the_preferred_objective_selects() -> None:
    job = dataclasses.replace(JOB, labels={PREFER_LABEL: "2"})
    selected = dict(status_lines(job, NOW, NO_SECRETS))["selected"]
    assert selected.startswith("trial 3: loss = 1, acc = 1")
    assert selected.endswith("; the member of the Pareto set with the best acc")
    assert status_document(job, NO_SECRETS)["rule"] == "the member of the Pareto set with the best acc"


def test_a_summary_of_one_objective_and_one_without_trials_have_no_pareto_set() -> None:
    assert not {"pareto", "metrics", "rule"} & status_document(make_job(), NO_SECRETS).keys()
    empty = job_of()
    assert status_document(empty, NO_SECRETS)["pareto"] == []
    assert "Pareto set" not in dict(status_lines(empty, NOW, NO_SECRETS))
    assert empty.state is JobState.SUCCEEDED
