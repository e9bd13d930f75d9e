from __future__ import annotations

import errno
import io
from datetime import timedelta

import pytest
from rich.console import Console

from hydra_vertex.job import JobState, TrialState
from hydra_vertex.launcher.study.live_table import StudyDisplay, render
from hydra_vertex.launcher.study.progress import change_lines, progress, progress_line
from hydra_vertex.launcher.study.trial_rows import MAX_ROWS, best_so_far, short_names, visible_trials
from hydra_vertex.launcher.text.formatting import format_duration, format_value
from launcher.jobs import START, make_job, make_trial

RUNNING = JobState.RUNNING
ACTIVE = TrialState.ACTIVE


def test_the_remaining_time_is_estimated_from_ended_trials_and_the_parallelism() -> None:
    trials = [make_trial(0, 2.0), make_trial(1, 3.0), make_trial(2, None, ACTIVE), make_trial(3, None, ACTIVE)]
    job = make_job(trials, state=RUNNING)

    state = progress(job, START + timedelta(seconds=40))

    assert (state.ended, state.running, state.total, state.elapsed_s) == (2, 2, 12, 40.0)
    assert state.remaining_s == (10 * 20 - 20 - 10) / 2


def test_there_is_no_estimate_before_a_trial_has_ended_or_after_the_job_has_ended() -> None:
    assert progress(make_job([make_trial(1, None, ACTIVE)], state=RUNNING), START).remaining_s is None
    assert progress(make_job([make_trial(1, 1.0)]), START).remaining_s is None


def test_only_changed_trials_are_printed() -> None:
    before = make_job([make_trial(1, None, ACTIVE)], state=RUNNING)
    after = make_job([make_trial(1, 2.5), make_trial(2, None, ACTIVE)], state=RUNNING)

    lines = list(change_lines(before, after))

    assert lines == [
        "trial 1 SUCCEEDED  optimizer.lr=0.003 model.depth=4 model.activation=gelu  val/loss=2.5",
        "trial 2 ACTIVE  optimizer.lr=0.003 model.depth=4 model.activation=gelu",
    ]
    assert list(change_lines(after, after)) == []


def test_the_line_of_a_failed_trial_has_the_first_line_of_its_reason() -> None:
    job = make_job([make_trial(1, None, TrialState.INFEASIBLE, "exited with code 1\nTraceback")])

    assert "exited with code 1" in next(change_lines(None, job))
    assert "Traceback" not in "".join(change_lines(None, job))


def test_an_early_stopped_trial_is_shown_with_its_reason() -> None:
    job = make_job([make_trial(1, 2.5, stopping_reason="it was worse than the median")])
    screen = io.StringIO()
    Console(file=screen, width=200).print(render(job, START))

    assert next(change_lines(None, job)).endswith("val/loss=2.5  stopped early: it was worse than the median")
    assert "stopped early" in screen.getvalue()


def test_the_progress_line_names_the_best_trial() -> None:
    job = make_job([make_trial(1, 2.5), make_trial(2, 2.25)], state=RUNNING)

    line = progress_line(job, progress(job, START + timedelta(seconds=62)))

    assert line.startswith("2 of 12 trials, 0 running, best val/loss 2.25 (trial 2), elapsed 1:02, about ")


def test_best_so_far_never_gets_worse() -> None:
    job = make_job([make_trial(1, 3.0), make_trial(2, 4.0), make_trial(3, 2.0)])

    assert best_so_far(job) == {"1": 3.0, "2": 3.0, "3": 2.0}


def test_a_long_study_shows_the_best_the_running_and_the_latest_trials() -> None:
    trials = [make_trial(n, 1.0 if n == 3 else 5.0) for n in range(1, 100)] + [make_trial(100, None, ACTIVE)]

    shown = [trial.id for trial in visible_trials(make_job(trials))]

    assert len(shown) == MAX_ROWS
    assert shown[0] == "3"
    assert shown[-1] == "100"
    assert shown[1:] == [str(n) for n in range(78, 101)]


def test_the_table_shows_parameters_metric_and_best_so_far() -> None:
    job = make_job([make_trial(1, 3.0), make_trial(2, 2.0), make_trial(3, None, ACTIVE)], state=RUNNING)
    console = Console(file=io.StringIO(), width=140, force_terminal=False)

    console.print(render(job, START + timedelta(seconds=50)))

    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "train-docs (running)" in text
    assert " lr " in text
    assert "optimizer.lr" not in text
    assert "best so far" in text
    assert "active" in text
    assert "best val/loss 2 (trial 2)" in text


NOTICE = "the disk of /x [red] is full: trials wait"


def test_a_notice_is_printed_when_it_begins_and_when_it_ends() -> None:
    job, log = make_job([make_trial(1, None, ACTIVE)], state=RUNNING), io.StringIO()

    with StudyDisplay(Console(file=log, width=140)) as display:
        for notice in ("", NOTICE, NOTICE, "", ""):
            display.update(job, notice)

    assert log.getvalue().splitlines()[3:] == [NOTICE, "the study continues"]


def test_a_notice_is_displayed_under_the_live_table() -> None:
    job, screen = make_job([make_trial(1, None, ACTIVE)], state=RUNNING), io.StringIO()

    with StudyDisplay(Console(file=screen, width=140, force_terminal=True)) as display:
        display.update(job, NOTICE)

    assert NOTICE in screen.getvalue()


class FullLog(io.StringIO):
    writes = 0

    def write(self, text: str) -> int:
        self.writes += 1
        raise OSError(errno.ENOSPC, "No space left on device")


def test_an_error_while_writing_the_log_does_not_end_a_study() -> None:
    job = make_job([make_trial(1, None, ACTIVE)], state=RUNNING)

    log = FullLog()
    with StudyDisplay(Console(file=log)) as display:
        display.update(job)
        after_first = log.writes
        display.update(make_job([make_trial(1, 0.5)], state=RUNNING))

    assert 0 < after_first < log.writes


def test_parameter_values_are_not_interpreted_as_markup() -> None:
    job = make_job([make_trial(1, 3.0, parameters={"model.activation": "[red]x[/nope]"})])
    console = Console(file=io.StringIO(), width=140)

    with StudyDisplay(console) as display:
        display.update(job)
    console.print(render(job, START))

    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert text.count("[red]x[/nope]") == 2


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        (["optimizer.lr", "model.depth"], ["lr", "depth"]),
        (["gen.lr", "dis.lr", "seed"], ["gen.lr", "dis.lr", "seed"]),
        (["a.b.lr", "lr"], ["b.lr", "lr"]),
        (["model"], ["model"]),
    ],
)
def test_columns_have_the_shortest_names_that_are_unique(keys: list[str], names: list[str]) -> None:
    assert short_names(keys) == names


@pytest.mark.parametrize(
    ("value", "text"), [(4.0, "4"), (0.00031234, "0.0003123"), ("gelu", "gelu"), (1e20, "1e+20"), (-0.5, "-0.5")]
)
def test_values_fit_a_narrow_column(value: float | str, text: str) -> None:
    assert format_value(value) == text


@pytest.mark.parametrize(("seconds", "text"), [(5, "0:05"), (65, "1:05"), (754.6, "12:35"), (7265, "2:01:05")])
def test_durations_are_formatted_like_a_clock(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
