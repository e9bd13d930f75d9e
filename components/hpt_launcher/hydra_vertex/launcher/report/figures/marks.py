"""How a trial's state looks in every figure: colour, symbol and dash, so that states differ in more than colour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hydra_vertex.launcher.report.palette import LIGHT
from hydra_vertex.launcher.report.schedule import Status


@dataclass(frozen=True, slots=True)
class Mark:
    """The symbol of a point, the dash of a line, and the pattern of a bar."""

    symbol: str
    dash: str
    pattern: str


MARKS: Mapping[Status, Mark] = {
    Status.SUCCEEDED: Mark("circle", "solid", ""),
    Status.STOPPED: Mark("triangle-down-open", "dot", "\\"),
    Status.INFEASIBLE: Mark("x", "dash", "x"),
    Status.CANCELLED: Mark("square-open", "dash", "/"),
    Status.RUNNING: Mark("circle-open", "solid", "."),
    Status.WAITING: Mark("circle-open", "solid", ""),
}


def colour_of(status: Status) -> str:
    """Return the colour of a state."""
    return LIGHT[status.name.lower()]


def marker_size(count: int) -> int:
    """Return the diameter of dots in px: smaller for many trials, so that dots do not overlap."""
    return 9 if count <= 40 else 7 if count <= 200 else 5


def star(size: int = 16) -> dict[str, object]:
    """Return the marker of the best trial."""
    return {"symbol": "star", "size": size, "color": LIGHT["accent"], "line": {"width": 1, "color": LIGHT["card"]}}
