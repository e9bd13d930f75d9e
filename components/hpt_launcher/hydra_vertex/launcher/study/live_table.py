"""Displays a running study: a live table on a terminal, one line for each change otherwise."""

from __future__ import annotations

import contextlib
import os
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from hydra_vertex.job import HyperparameterTuningJob, ParameterValue, Trial, TrialState
from hydra_vertex.launcher.secrets.masker import NO_SECRETS, Masker
from hydra_vertex.launcher.secrets.of_job import masker_of
from hydra_vertex.launcher.text.formatting import format_duration, format_value
from hydra_vertex.launcher.text.terminal import LINE_LIMIT, one_line

from .progress import change_lines, progress, progress_line
from .trial_rows import best_so_far, best_trials, short_names, visible_trials

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console, RenderableType
    from rich.live import Live
    from rich.table import Table
    from rich.text import Text

CELL_LIMIT = 160
"""Maximum number of characters of a cell; a choice may have thousands."""

_STYLES = {
    TrialState.SUCCEEDED: "green",
    TrialState.INFEASIBLE: "red",
    TrialState.ACTIVE: "cyan",
    TrialState.STOPPING: "yellow",
}


class StudyDisplay:
    """Displays each update of a job: redraws a table on a terminal, else prints the changes."""

    def __init__(self, console: Console | None = None) -> None:
        from rich.console import Console as RichConsole

        self._console = console or RichConsole(stderr=True, markup=False, emoji=False, highlight=False)
        self._live: Live | None = None
        self._last: HyperparameterTuningJob | None = None
        self._notice = ""
        self._mask: Masker | None = None

    def __enter__(self) -> StudyDisplay:
        if self._console.is_terminal:
            from rich.live import Live as RichLive

            self._live = RichLive(console=self._console, refresh_per_second=4)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def update(self, job: HyperparameterTuningJob, notice: str = "") -> None:
        """Display the job's current state. `notice` states why its trials wait; empty when they do not."""
        now = datetime.now(timezone.utc)
        # Computed once: a job's command lines never change.
        self._mask = self._mask or masker_of(job, os.environ)
        # An output that cannot be written, for example on a full disk, must not end a study.
        with contextlib.suppress(OSError):
            if self._live is not None:
                self._live.update(_with_notice(render(job, now, self._mask), notice))
            else:
                self._print_changes(job, notice, now, self._mask)
        self._last, self._notice = job, notice

    def _print_changes(self, job: HyperparameterTuningJob, notice: str, now: datetime, mask: Masker) -> None:
        lines = list(change_lines(self._last, job))
        if lines:
            lines.append(progress_line(job, progress(job, now)))
        if notice != self._notice:
            lines.append(notice or "the study continues")
        for line in lines:
            self._console.print(_text(mask.text(line), LINE_LIMIT), soft_wrap=True)


def _with_notice(table: RenderableType, notice: str) -> RenderableType:
    if not notice:
        return table
    from rich.console import Group

    text = _text(notice, LINE_LIMIT)
    text.stylize("bold red")
    return Group(table, text)


def render(job: HyperparameterTuningJob, now: datetime, mask: Masker = NO_SECRETS) -> RenderableType:
    """Return the table, with one line of progress under it."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    state = progress(job, now)
    caption = job.state.value.removeprefix("JOB_STATE_").lower()
    table = Table(title=_text(mask.text(f"{job.display_name} ({caption})")))
    _add_columns(table, job)
    best = {trial.id for trial in best_trials(job)}
    so_far = best_so_far(job)
    for trial in visible_trials(job):
        is_best = trial.id in best
        _add_row(table, trial, job, now, so_far.get(trial.id), mask, is_best=is_best)
    foot = Table.grid(padding=(0, 1))
    foot.add_row(
        ProgressBar(total=state.total, completed=state.ended, width=24), _text(progress_line(job, state), LINE_LIMIT)
    )
    return Group(table, foot)


def _add_columns(table: Table, job: HyperparameterTuningJob) -> None:
    table.add_column("trial", justify="right")
    table.add_column("state")
    for name in short_names([parameter.id for parameter in job.study_spec.parameters]):
        table.add_column(_text(name), justify="right", overflow="fold")
    for name in job.study_spec.metric_ids:
        table.add_column(_text(name), justify="right")
    if not job.study_spec.has_several_objectives:
        table.add_column("best so far", justify="right")
    table.add_column("time", justify="right")


def _add_row(
    table: Table,
    trial: Trial,
    job: HyperparameterTuningJob,
    now: datetime,
    best: float | None,
    mask: Masker,
    *,
    is_best: bool,
) -> None:
    values = [trial.objective(name) for name in job.study_spec.metric_ids]
    parameters = [_parameter_text(p.id, trial.parameters.get(p.id), mask) for p in job.study_spec.parameters]
    cells = [
        trial.id,
        "stopped early" if trial.stopped_early and trial.state.is_terminal else trial.state.value.lower(),
        *parameters,
        *("" if value is None else format_value(value) for value in values),
        *([] if job.study_spec.has_several_objectives else ["" if best is None else format_value(best)]),
        _age(trial, now),
    ]
    style = "bold green" if is_best else _STYLES.get(trial.state, "dim")
    table.add_row(*(_text(cell) for cell in cells), style=style)


def _parameter_text(key: str, value: ParameterValue | None, mask: Masker) -> str:
    if value is None:
        return ""
    return str(mask.value(key, value)) if isinstance(value, str) else format_value(value)


def _age(trial: Trial, now: datetime) -> str:
    if trial.start_time is None:
        return ""
    return format_duration(((trial.end_time or now) - trial.start_time).total_seconds())


def _text(text: str, limit: int = CELL_LIMIT) -> Text:
    """Return one line of text for the terminal, without interpreting markup and with control characters escaped."""
    from rich.text import Text as RichText

    return RichText(one_line(text, limit))
