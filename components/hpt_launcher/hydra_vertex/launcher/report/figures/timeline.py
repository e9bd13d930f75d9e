"""When each trial ran: a lane for each worker, and the same trials one after another underneath."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...progress import format_duration
from ..palette import LIGHT
from ..schedule import Interval, Status, intervals, pack_lanes, serial_s, wall_s
from .figure import Figure, apply_style, plot_json
from .view import View

_SERIAL = "one by one"
_MAX_LABELLED = 60
"""More bars than this and their numbers no longer fit."""


def timeline_figure(view: View) -> Figure | None:
    """The one plot that Optuna has not: its timeline gives every trial a row, which shows no idle worker."""
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
    figure.update_xaxes(title_text="seconds since the first trial began", rangemode="tozero")
    figure.update_yaxes(categoryorder="array", categoryarray=[_SERIAL, *reversed(names)], showgrid=False)
    together, alone = format_duration(wall_s(spans)), format_duration(serial_s(spans))
    return Figure(
        id="timeline",
        title="Parallel trials against the serial time",
        aid=f"{together} on {len(lanes)} workers, against {alone} one after another. Gaps in a lane are idle time.",
        alt=f"{len(spans)} trials on {len(lanes)} workers took {together}; one by one they take {alone}.",
        plot=plot_json(figure),
        height_px=130 + 38 * (len(lanes) + 1),
    )


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
            name=status.value, y=list(rows), **_bars(view, spans, LIGHT[status.value], _offsets(spans, view))
        )


def _add_serial(figure: Any, view: View, spans: Sequence[Interval]) -> None:
    starts = [sum(span.duration_s for span in spans[:place]) for place in range(len(spans))]
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
        "marker": {"color": colour, "line": {"color": LIGHT["card"], "width": 1}},
        "text": [span.trial.id if len(view.trials) <= _MAX_LABELLED else "" for span in spans],
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textfont": {"color": LIGHT["card"], "size": 11},
        "customdata": [view.hover(span.trial) for span in spans],
        "hovertemplate": "%{customdata}<extra></extra>",
    }
