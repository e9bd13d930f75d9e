"""Displays a running study: a live table on a terminal, one line for each change otherwise."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from hydra_vertex.job import HyperparameterTuningJob, ParameterValue, Trial, TrialState
from hydra_vertex.launcher.secrets.masker import NO_SECRETS, Masker
from hydra_vertex.launcher.secrets.of_job import masker_of
from hydra_vertex.launcher.text.formatting import format_duration, format_value
from hydra_vertex.launcher.text.terminal import LINE_LIMIT, one_line

from .progress import change_lines, progress, progress_line
from .table_layout import PLAIN_GAP, Column, Layout, fit
from .trial_rows import MAX_ROWS, best_so_far, best_trials, short_names, visible_trials

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
    from rich.live import Live
    from rich.table import Table
    from rich.text import Text

CELL_LIMIT = 160
"""Maximum number of characters of a cell; a choice may have thousands."""
BAR_WIDTH = 24
FEWEST_ROWS = 3
"""The number of rows in the smallest terminal."""
LINES_OF_BOX = 3
"""The lines of a table with lines between its columns, besides its rows, its heading and its title."""

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
                self._live.update(render(job, now, self._mask, notice))
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


def render(job: HyperparameterTuningJob, now: datetime, mask: Masker = NO_SECRETS, notice: str = "") -> RenderableType:
    """Return the table, with one line of progress under it. It takes the width and the height of its terminal."""
    return StudyTable(job, now, mask, notice)


class StudyTable:
    """The table of a study, as wide and as high as the console that prints it."""

    def __init__(self, job: HyperparameterTuningJob, now: datetime, mask: Masker, notice: str = "") -> None:
        self._job = job
        self._now = now
        self._mask = mask
        self._notice = notice

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table and the lines under it."""
        feet = list(self._feet(options.max_width))
        # One line is for the heading, one for the title, and one is left for the cursor.
        room = console.height - sum(_height(foot, options.max_width) for foot in feet) - 3
        limit = min(MAX_ROWS, max(FEWEST_ROWS, room)) if console.is_terminal else MAX_ROWS
        trials = visible_trials(self._job, limit)
        layout = fit(self._columns(trials), options.max_width, _cell_length)
        if layout.is_lined and console.is_terminal and len(trials) + LINES_OF_BOX > room:
            trials = visible_trials(self._job, max(FEWEST_ROWS, room - LINES_OF_BOX))
            layout = fit(self._columns(trials), options.max_width, _cell_length)
        yield self._table(layout, trials)
        if layout.left_out:
            yield _line(f"not shown: {', '.join(layout.left_out)}", "dim")
        yield from feet

    def _feet(self, width: int) -> Iterator[RenderableType]:
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        state = progress(self._job, self._now)
        text = _text(progress_line(self._job, state), LINE_LIMIT)
        if text.cell_len + BAR_WIDTH + 1 <= width:
            foot = Table.grid(padding=(0, 1))
            foot.add_row(ProgressBar(total=state.total, completed=state.ended, width=BAR_WIDTH), text)
            yield foot
        else:
            yield text
        if self._notice:
            notice = _text(self._notice, LINE_LIMIT)
            notice.stylize("bold red")
            yield notice

    def _table(self, layout: Layout, trials: Sequence[Trial]) -> Table:
        from rich.table import Table

        best = {trial.id for trial in best_trials(self._job)}
        table = Table(title=self._title(len(trials))) if layout.is_lined else _plain_table(self._title(len(trials)))
        for column in layout.columns:
            table.add_column(
                _line(column.heading),
                justify="right" if column.is_right else "left",
                width=column.width,
                no_wrap=True,
                overflow="ellipsis",
            )
        for at, trial in enumerate(trials):
            style = "bold green" if trial.id in best else _STYLES.get(trial.state, "dim")
            table.add_row(*(_text(column.cells[at]) for column in layout.columns), style=style)
        return table

    def _title(self, shown: int) -> Text:
        caption = self._job.state.value.removeprefix("JOB_STATE_").lower()
        hidden = len(self._job.trials) - shown
        more = f", {hidden} of {len(self._job.trials)} trials are not shown" if hidden else ""
        return _line(self._mask.text(f"{self._job.display_name} ({caption}{more})"))

    def _columns(self, trials: Sequence[Trial]) -> list[Column]:
        """Return all columns with their cells."""
        spec, so_far = self._job.study_spec, best_so_far(self._job)
        parameters = spec.parameters
        shown = [trial.objective(name) for trial in trials for name in spec.metric_ids]
        count = len(spec.metric_ids)
        return [
            Column("trial", tuple(trial.id for trial in trials)),
            Column("state", tuple(_state_text(trial) for trial in trials), is_right=False),
            *(
                Column(
                    name,
                    tuple(_parameter_text(p.id, trial.parameters.get(p.id), self._mask) for trial in trials),
                    is_parameter=True,
                )
                for name, p in zip(short_names([p.id for p in parameters]), parameters, strict=True)
            ),
            *(Column(name, tuple(map(_value_text, shown[at::count]))) for at, name in enumerate(spec.metric_ids)),
            *(
                []
                if spec.has_several_objectives
                else [Column("best so far", tuple(_value_text(so_far.get(t.id)) for t in trials), is_spare=True)]
            ),
            Column("time", tuple(_age(trial, self._now) for trial in trials)),
        ]


def _plain_table(title: Text) -> Table:
    from rich.table import Table

    return Table(title=title, box=None, pad_edge=False, padding=(0, PLAIN_GAP, 0, 0))


def _height(foot: RenderableType, width: int) -> int:
    from rich.text import Text as RichText

    return -(-foot.cell_len // width) + 1 if isinstance(foot, RichText) and foot.cell_len > width else 1


def _state_text(trial: Trial) -> str:
    return "stopped early" if trial.stopped_early and trial.state.is_terminal else trial.state.value.lower()


def _value_text(value: float | None) -> str:
    return "" if value is None else format_value(value)


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


def _line(text: str, style: str = "") -> Text:
    """Return one line of text that is cut with an ellipsis."""
    found = _text(text)
    found.no_wrap, found.overflow = True, "ellipsis"
    found.stylize(style)
    return found


def _cell_length(text: str) -> int:
    return _text(text).cell_len
