"""Builds the timeline: one lane of trials for each worker, and below it the same trials one after another."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from hydra_vertex.launcher.report.palette import LIGHT
from hydra_vertex.launcher.report.schedule import Interval, Status, intervals, pack_lanes, serial_s, wall_s
from hydra_vertex.launcher.text.formatting import format_duration

from .figure import Figure, apply_style, plot_json
from .view import View

_UNITS = ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes"))
"""Seconds of a unit, and its name. The largest unit that is at most half of the serial time is used, else seconds."""

_PATTERNS = {Status.INFEASIBLE: "x", Status.CANCELLED: "/"}
"""Fill patterns, so that states differ in more than colour."""

_SERIAL = "one after another"
_MAX_LABELLED = 60
"""Maximum number of bars with trial ids; in more bars the ids do not fit."""


def timeline_figure(view: View) -> Figure | None:
    """Return the timeline; None before a trial has started.

    Optuna's timeline has a row for each trial and does not show idle workers, so it is not used.
    """
    spans = intervals(view.job)
    if not spans:
        return None
    import plotly.graph_objects as go

    lanes = pack_lanes(spans)
    names = [f"worker {number}" for number in range(1, len(lanes) + 1)]
    figure = go.Figure()
    for status in Status:
        _add_bars(figure, view, status, lanes, names)
    _add_serial(figure, view, spans)
    apply_style(figure)
    figure.update_layout(barmode="overlay", bargap=0.25)
    _use_unit(figure, serial_s(spans))
    figure.update_yaxes(categoryorder="array", categoryarray=[_SERIAL, *reversed(names)], showgrid=False)
    parallel, serial = format_duration(wall_s(spans)), format_duration(serial_s(spans))
    return Figure(
        id="timeline",
        title="Parallel and serial time",
        aid=f"{parallel} on {len(lanes)} workers, compared with {serial} one after another. Gaps are idle time.",
        alt=f"{len(spans)} trials on {len(lanes)} workers took {parallel}; one after another they take {serial}.",
        plot=plot_json(figure),
        height_px=130 + 38 * (len(lanes) + 1),
    )


def _use_unit(figure: Any, total_s: float) -> None:
    unit_s, unit = next(((size, name) for size, name in _UNITS if total_s >= 2 * size), (1.0, "seconds"))
    for bars in figure.data:
        bars.update(base=[start / unit_s for start in bars.base], x=[length / unit_s for length in bars.x])
    figure.update_xaxes(title_text=f"{unit} since the first trial began", rangemode="tozero")


def _add_bars(
    figure: Any,
    view: View,
    status: Status,
    lanes: Sequence[Sequence[Interval]],
    names: Sequence[str],
) -> None:
    placed = [(name, span) for name, lane in zip(names, lanes, strict=True) for span in lane if span.status is status]
    if placed:
        rows, spans = zip(*placed, strict=True)
        figure.add_bar(
            name=status.value, y=list(rows), **_bars(view, spans, LIGHT[status.name.lower()], _offsets(spans, view))
        )
        figure.data[-1].marker.pattern = {
            "shape": _PATTERNS.get(status, ""),
            "fillmode": "overlay",
            "fgcolor": LIGHT["card"],
            "size": 8,
            "solidity": 0.15,
        }


def _add_serial(figure: Any, view: View, spans: Sequence[Interval]) -> None:
    starts = [0.0, *accumulate(span.duration_s for span in spans)][:-1]
    bars = _bars(view, spans, LIGHT["waiting"], starts)
    figure.add_bar(name=_SERIAL, y=[_SERIAL] * len(spans), **bars)


def _offsets(spans: Sequence[Interval], view: View) -> list[float]:
    first = intervals(view.job)[0].start
    return [(span.start - first).total_seconds() for span in spans]


def _bars(view: View, spans: Sequence[Interval], colour: str, starts: Sequence[float]) -> dict[str, Any]:
    return {
        "base": list(starts),
        "x": [span.duration_s for span in spans],
        "orientation": "h",
        "marker": {
            "color": colour,
            "line": {"color": LIGHT["card"], "width": 1 if len(view.trials) <= _MAX_LABELLED else 0},
        },
        "text": [span.trial.id if len(view.trials) <= _MAX_LABELLED else "" for span in spans],
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textfont": {"color": LIGHT["card"], "size": 11},
        "customdata": [view.hover(span.trial) for span in spans],
        "hovertemplate": "%{customdata}<extra></extra>",
    }
