"""The `Figure` that each builder returns to the page, and the style of all figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hydra_vertex.launcher.report.palette import LIGHT
from hydra_vertex.launcher.text.rounding import rounded
from hydra_vertex.protocol import json
from hydra_vertex.protocol.json import Json, JsonObject

if TYPE_CHECKING:
    import plotly.graph_objects as go

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif"


@dataclass(frozen=True, slots=True)
class Switch:
    """One of the horizontal axes that a reader can choose: its button's label, its title, and Plotly's attributes.

    The traces have their values for the axes after the first in `meta.alternatives`, by the axis's key.
    """

    key: str
    label: str
    title: str
    xaxis: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Panels:
    """A figure of `count` small panels, each with axes of its own; the page puts as many in a row as fit."""

    count: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot with its texts.

    `aid` explains how to read it, `alt` describes its content. `plot` is Plotly's JSON (data and layout). On a page
    narrower than `min_width_px` the plot scrolls sideways.
    """

    id: str
    title: str
    aid: str
    alt: str
    plot: Json
    height_px: int = 340
    min_width_px: int = 0
    headline: str = ""
    """The one statement of the figure, in large letters; empty for none."""

    switches: tuple[Switch, ...] = ()
    panels: Panels | None = None

    def data(self) -> Json:
        """Return what the page's script draws."""
        return {
            "plot": self.plot,
            "heightPx": self.height_px,
            "switches": [{"key": one.key, "title": one.title, "xaxis": one.xaxis} for one in self.switches],
            "panels": None if self.panels is None else dataclasses.asdict(self.panels),
        }


def plot_json(figure: go.Figure) -> Json:
    """Return a Plotly figure as JSON, with rounded numbers; numbers that are not finite become null."""
    return _short(json.loads(str(figure.to_json())))


def _short(value: Json) -> Json:
    """Return the JSON with rounded numbers, and without the template, which is that of no style."""
    match value:
        case float():
            return rounded(value)
        case Mapping():
            return {key: _short(item) for key, item in value.items() if key != "template"}
        case Sequence() if not isinstance(value, str):
            return [_short(item) for item in value]
        case _:
            return value


def apply_style(figure: go.Figure) -> None:
    """Set the fonts, the grid and a transparent background; remove the title, which the page has."""
    axis = {
        "gridcolor": LIGHT["grid"],
        "linecolor": LIGHT["grid"],
        "zeroline": False,
        "automargin": True,
        "exponentformat": "e",
        "title": {"font": {"size": 12, "color": LIGHT["muted"]}, "standoff": 10},
        "tickfont": {"size": 11, "color": LIGHT["muted"]},
    }
    figure.update_layout(
        template="none",
        title=None,
        font={"family": FONT, "size": 12, "color": LIGHT["ink"]},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        margin={"l": 56, "r": 16, "t": 16, "b": 44},
        hoverlabel={
            "bgcolor": LIGHT["card"],
            "bordercolor": LIGHT["grid"],
            "font": {"family": FONT, "size": 12, "color": LIGHT["ink"]},
            "align": "left",
        },
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"},
    )
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
