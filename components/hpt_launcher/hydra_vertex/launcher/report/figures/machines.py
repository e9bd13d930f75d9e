"""Builds the pictures of the trials' machines: CPU, memory, GPU and GPU memory over a trial's time, one line a trial.

All lines of one look are one trace with gaps, and the more trials there are, the fewer points each of them has, so that
a thousand trials are as light as a hundred.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hydra_vertex.job import Trial
from hydra_vertex.job.machine_use import MachineCurve, thinned
from hydra_vertex.launcher.machines.study_machines import StudyMachines
from hydra_vertex.launcher.report.labels import escape
from hydra_vertex.launcher.report.palette import LIGHT
from hydra_vertex.launcher.report.schedule import Status, status_of
from hydra_vertex.protocol.json import Json

from .figure import Figure, apply_style, plot_json
from .marks import MARKS, colour_of
from .progress_axes import time_unit
from .view import View

MAX_POINTS = 6000
"""Maximum number of points of one picture."""
FEWEST_POINTS, MOST_POINTS = 8, 40
"""Limits of the number of points of one line."""
_GIB = 1 << 30
CHIEF = "workerpool0-0"
_DIGITS = 3


@dataclass(frozen=True, slots=True)
class _Quantity:
    """One picture: `value` reads a curve, `scale` divides it to the unit of the axis."""

    id: str
    title: str
    axis: str
    aid: str
    value: Callable[[MachineCurve], Sequence[float | None]]
    scale: float = 1.0
    has_limit: Callable[[MachineCurve], float | None] = field(default=lambda _: None)


_QUANTITIES = (
    _Quantity(
        "cpu",
        "CPU of every trial",
        "cores in use",
        "Cores that a trial keeps busy",
        lambda curve: curve.cpu,
        has_limit=lambda curve: curve.cpus,
    ),
    _Quantity(
        "memory",
        "Memory of every trial",
        "GiB",
        "Memory of a trial's processes",
        lambda curve: curve.memory_bytes,
        _GIB,
        lambda curve: curve.memory_limit_bytes,
    ),
    _Quantity(
        "gpu",
        "GPU of every trial",
        "% of the time",
        "Share of the time in which a trial's GPUs compute",
        lambda curve: curve.gpu,
        0.01,
    ),
    _Quantity(
        "gpu-memory",
        "GPU memory of every trial",
        "GiB",
        "Memory in use on a trial's GPUs",
        lambda curve: curve.gpu_memory_bytes,
        _GIB,
        lambda curve: curve.gpu_memory_limit_bytes,
    ),
)


@dataclass(frozen=True, slots=True)
class _Look:
    """How a group of lines is drawn. Groups differ in more than colour."""

    name: str
    colour: str
    dash: str = "solid"
    width: float = 1.2
    opacity: float = 0.55


_BEST = _Look("best", LIGHT["accent"], width=3.0, opacity=1.0)


def _look_of(status: Status) -> _Look:
    width, opacity = (1.8, 0.9) if status is Status.RUNNING else (1.2, 0.55 if status is Status.SUCCEEDED else 0.8)
    name = "finished" if status is Status.SUCCEEDED else status.value
    return _Look(name, colour_of(status), MARKS[status].dash, width, opacity)


_LOOKS = {status: _look_of(status) for status in Status}


@dataclass(frozen=True, slots=True)
class _Line:
    trial: str
    look: _Look
    curve: MachineCurve


def machines_figures(view: View, machines: StudyMachines) -> tuple[Figure, ...]:
    """Return the pictures for which at least one trial has been measured: at most four."""
    looks = {trial.id: _look(trial, view) for trial in view.trials}
    found = [(escape(trial), curve) for trial, curve in machines.curves()]
    points = max(FEWEST_POINTS, min(MOST_POINTS, MAX_POINTS // max(1, len(found))))
    lines = [_Line(trial, looks[trial], thinned(curve, points)) for trial, curve in found if trial in looks]
    if not lines:
        return ()
    pictures = (_figure(quantity, lines) for quantity in _QUANTITIES)
    return tuple(picture for picture in pictures if picture is not None)


def _look(trial: Trial, view: View) -> _Look:
    return _BEST if trial.id == view.best_id else _LOOKS[status_of(trial, view.job)]


def _figure(quantity: _Quantity, lines: Sequence[_Line]) -> Figure | None:
    measured = [line for line in lines if any(value is not None for value in quantity.value(line.curve))]
    if not measured:
        return None
    import plotly.graph_objects as go

    longest_s = max(line.curve.time_s[-1] for line in measured)
    unit_s, unit = time_unit(longest_s)
    figure = go.Figure()
    for look in (*_LOOKS.values(), _BEST):  # the best is on top
        own = [line for line in measured if line.look is look]
        if own:
            figure.add_trace(go.Scatter(**_trace(quantity, look, own, unit_s)))
    apply_style(figure)
    figure.update_xaxes(title_text=f"{unit} since the trial's start", showgrid=False, rangemode="tozero")
    figure.update_yaxes(title_text=quantity.axis, rangemode="tozero")
    trials = len({line.trial for line in measured})
    return Figure(
        id=f"machines-{quantity.id}",
        title=quantity.title,
        aid=f"{quantity.aid}, one line for each trial.{_limit_text(quantity, measured)}",
        alt=f"{quantity.title}: {trials} lines over the time since each trial's start.",
        plot=plot_json(figure),
        height_px=260,
    )


def _limit_text(quantity: _Quantity, lines: Sequence[_Line]) -> str:
    """Return the limit of every trial, where all have the same one."""
    limits = {quantity.has_limit(line.curve) for line in lines}
    limit = limits.pop() if len(limits) == 1 else None
    return "" if limit is None else f" Each may use {limit / quantity.scale:.3g} {quantity.axis.split()[0]}."


def _trace(quantity: _Quantity, look: _Look, lines: Sequence[_Line], unit_s: float) -> dict[str, Json]:
    """Return one trace with the lines, between which there is a gap. Its hover text names the trial."""
    x: list[Json] = []
    y: list[Json] = []
    names: list[Json] = []
    for line in lines:
        x += [_short(time_s / unit_s) for time_s in line.curve.time_s]
        y += [None if value is None else _short(value / quantity.scale) for value in quantity.value(line.curve)]
        names += [_name(line)] * len(line.curve.time_s)
        for column in (x, y, names):
            column.append(None)
    return {
        "x": x[:-1],
        "y": y[:-1],
        "customdata": names[:-1],
        "name": look.name if len(lines) == 1 and look is _BEST else f"{look.name} ({len(lines)})",
        "mode": "lines+markers" if all(len(line.curve.time_s) == 1 for line in lines) else "lines",
        "connectgaps": False,
        "opacity": look.opacity,
        "line": {"color": look.colour, "width": look.width, "dash": look.dash},
        "hovertemplate": f"<b>trial %{{customdata}}</b><br>%{{y}} {quantity.axis}<extra></extra>",
    }


def _name(line: _Line) -> int | str:
    """Return the trial's id, as a number if it is one, which is shorter; with the worker, unless it is the chief."""
    worker = line.curve.worker
    if worker not in {"", CHIEF}:
        return f"{line.trial}, {escape(worker)}"
    return int(line.trial) if line.trial.isdecimal() and line.trial.isascii() else line.trial


def _short(value: float) -> float:
    """Return a number with few digits: a picture shows no more."""
    return float(f"{value:.{_DIGITS}g}")
