"""Builds the timeline: one lane of trials for each worker, and below it the same trials one after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from hydra_vertex.launcher.report.palette import LIGHT
from hydra_vertex.launcher.report.schedule import (
    Clock,
    Interval,
    Status,
    clock_of,
    efficiency,
    intervals,
    pack_lanes,
    paused_s,
    serial_s,
    wall_s,
)
from hydra_vertex.launcher.text.formatting import format_duration

from .figure import Figure, apply_style, plot_json
from .marks import MARKS, colour_of
from .progress_axes import time_unit
from .view import View

_SERIAL = "serial"
_MAX_LABELLED = 60
"""Maximum number of bars with trial ids; in more bars the ids do not fit."""

_MAX_LANES_PX = 620


def timeline_figure(view: View) -> Figure | None:
    """Return the timeline, without the study's pauses; None before a trial has started.

    Optuna's timeline has a row for each trial and does not show idle workers, so it is not used.
    """
    spans = intervals(view.job)
    if not spans:
        return None
    import plotly.graph_objects as go

    lanes = pack_lanes(spans)
    figure = go.Figure()
    for status in Status:
        _add_bars(figure, view, status, lanes, clock_of(spans))
    _add_serial(figure, view, spans)
    apply_style(figure)
    _lay_out(figure, len(lanes), spans)
    return Figure(
        id="timeline",
        title="Parallel and serial time",
        headline=_headline(spans, len(lanes)),
        aid=_aid(view, spans, len(lanes)),
        alt=f"{len(spans)} trials on {len(lanes)} workers took {format_duration(wall_s(spans))}; "
        f"one after another they take {format_duration(serial_s(spans))}.",
        plot=plot_json(figure),
        height_px=120 + min(_MAX_LANES_PX, 34 * (len(lanes) + 1)),
    )


def _headline(spans: Sequence[Interval], lanes: int) -> str:
    wall, serial = wall_s(spans), serial_s(spans)
    if lanes < 2 or wall <= 0:
        return ""
    return f"{format_duration(wall)} in parallel instead of {format_duration(serial)}: {serial / wall:.1f} times faster"


def _aid(view: View, spans: Sequence[Interval], lanes: int) -> str:
    paused = paused_s(spans)
    slots = max(1, view.job.parallel_trial_count)
    share = efficiency(spans, slots)
    used = "" if share is None else f" Efficiency {share:.0%} of {slots} slots; {1 - share:.0%} of their time idle."
    left_out = f" Pauses of {format_duration(paused)}, in which no trial ran, are left out." if paused else ""
    unit = "worker" if lanes == 1 else "workers"
    return (
        f"Each bar is a trial on one of {lanes} {unit}; the last row has the same trials one after another. "
        f"Gaps are idle time.{used}{left_out}"
    )


def _lay_out(figure: Any, lanes: int, spans: Sequence[Interval]) -> None:
    wall, serial = wall_s(spans), serial_s(spans)
    unit_s, unit = time_unit(serial)
    for bars in figure.data:
        bars.update(base=[start / unit_s for start in bars.base], x=[length / unit_s for length in bars.x])
    names = [f"worker {number}" for number in range(1, lanes + 1)]
    every = -(-(lanes + 1) // 24)
    shown = [(row, name) for row, name in enumerate(names) if row % every == 0]
    figure.update_layout(
        barmode="overlay",
        bargap=0.2,
        shapes=[_end_line(wall / unit_s)],
        uniformtext={"minsize": 9, "mode": "hide"},
    )
    figure.update_xaxes(
        title_text=f"{unit} since the first trial began", rangemode="tozero", range=_range(wall, serial, unit_s)
    )
    figure.update_yaxes(
        tickvals=[*(row for row, _ in shown), lanes + 0.4],
        ticktext=[*(name for _, name in shown), _SERIAL],
        range=[lanes + 1, -0.6],
        showgrid=False,
    )


def _range(wall: float, serial: float, unit_s: float) -> list[float]:
    return [0.0, max(wall, serial, 1e-6) / unit_s * 1.02]


def _end_line(end: float) -> Mapping[str, object]:
    """Return the line at which the parallel study has ended."""
    line = {"color": LIGHT["accent"], "width": 2, "dash": "dot"}
    return {"type": "line", "x0": end, "x1": end, "yref": "paper", "y0": 0, "y1": 1, "line": line}


def _add_bars(figure: Any, view: View, status: Status, lanes: Sequence[Sequence[Interval]], clock: Clock) -> None:
    placed = [(row, span) for row, lane in enumerate(lanes) for span in lane if span.status is status]
    if placed:
        rows, spans = [row for row, _ in placed], [span for _, span in placed]
        figure.add_bar(name=status.value, y=rows, **_bars(view, spans, colour_of(status), _offsets(spans, clock)))
        figure.data[-1].marker.pattern = {
            "shape": MARKS[status].pattern,
            "fillmode": "overlay",
            "fgcolor": LIGHT["card"],
            "size": 8,
            "solidity": 0.15,
        }


def _add_serial(figure: Any, view: View, spans: Sequence[Interval]) -> None:
    starts = [0.0, *accumulate(span.duration_s for span in spans)][:-1]
    row = len(pack_lanes(spans)) + 0.4
    figure.add_bar(
        name="the same, one after another", y=[row] * len(spans), **_bars(view, spans, LIGHT["waiting"], starts)
    )


def _offsets(spans: Sequence[Interval], clock: Clock) -> list[float]:
    return [clock.at(span.start) for span in spans]


def _bars(view: View, spans: Sequence[Interval], colour: str, starts: Sequence[float]) -> dict[str, Any]:
    is_labelled = len(view.trials) <= _MAX_LABELLED
    return {
        "base": list(starts),
        "x": [span.duration_s for span in spans],
        "width": 0.8,
        "orientation": "h",
        "marker": {"color": colour, "line": {"color": LIGHT["card"], "width": 1 if is_labelled else 0}},
        "text": [span.trial.id if is_labelled else "" for span in spans] if is_labelled else None,
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textangle": 0,
        "constraintext": "inside",
        "textfont": {"color": LIGHT["card"], "size": 11},
        "hovertemplate": "%{hovertext}<extra></extra>",
        "meta": {"hover": [view.row(span.trial) for span in spans]},
    }
