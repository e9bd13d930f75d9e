"""The `Figure` that each builder returns to the page, and the style of all figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hydra_vertex.launcher.report.palette import LIGHT
from hydra_vertex.protocol import json
from hydra_vertex.protocol.json import Json

if TYPE_CHECKING:
    import plotly.graph_objects as go

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif"


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot with its texts.

    `aid` explains how to read it, `alt` describes its content. `plot` is Plotly's JSON (data and layout). On a page
    narrower than `min_width_px` the plot scrolls sideways. A `wide` figure takes the page's whole width.
    """

    id: str
    title: str
    aid: str
    alt: str
    plot: Json
    height_px: int = 340
    min_width_px: int = 0
    wide: bool = True


def plot_json(figure: go.Figure) -> Json:
    """Return a Plotly figure as JSON; numbers that are not finite become null."""
    return json.loads(str(figure.to_json()))


def apply_style(figure: go.Figure) -> None:
    """Set the fonts, the grid and a transparent background; remove the title, which the page has."""
    axis = {
        "gridcolor": LIGHT["grid"],
        "linecolor": LIGHT["grid"],
        "zeroline": False,
        "automargin": True,
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
