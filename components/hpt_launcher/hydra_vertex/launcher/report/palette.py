"""The report's colours, light and dark.

Figures are built with the light colours. When the reader's system prefers a dark scheme, the page's script replaces
each by its dark counterpart. Every colour of a figure must therefore come from here, and no two names may have the same
light colour.
"""

from __future__ import annotations

from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "page": "#f6f7f9",
    "card": "#ffffff",
    "ink": "#1c2430",
    "muted": "#5b6675",
    "grid": "#e3e7ec",
    "accent": "#c2410c",
    "mark": "#fff4ec",
    "succeeded": "#2b6cb0",
    "stopped": "#7d4fa8",
    "infeasible": "#c0392b",
    "cancelled": "#78828f",
    "running": "#1f7a4d",
    "waiting": "#a3acb8",
}

DARK: Mapping[str, str] = {
    "page": "#12161c",
    "card": "#1a2029",
    "ink": "#e8ecf1",
    "muted": "#a2adbb",
    "grid": "#303945",
    "accent": "#ff9d5c",
    "mark": "#33241a",
    "succeeded": "#6cb0f5",
    "stopped": "#c4a0ea",
    "infeasible": "#ff8577",
    "cancelled": "#95a0ae",
    "running": "#5fd09a",
    "waiting": "#6f7a88",
}

RANK_STEPS = 9
"""Number of colours from the worst value to the best."""


def rank_colours(theme: Mapping[str, str]) -> tuple[str, ...]:
    """Return RANK_STEPS colours, from the worst (like the background) to the best (in contrast to it)."""
    worst, best = ("#c3d3e3", "#0b3c73") if theme is LIGHT else ("#2f4257", "#9fd0ff")
    return tuple(_mix(worst, best, step / (RANK_STEPS - 1)) for step in range(RANK_STEPS))


def dark_colours() -> dict[str, str]:
    """Return the dark counterpart of every light colour that a figure may use."""
    named = {LIGHT[name]: DARK[name] for name in LIGHT}
    return {**named, **dict(zip(rank_colours(LIGHT), rank_colours(DARK), strict=True))}


def _mix(start: str, end: str, share: float) -> str:
    channels = zip(bytes.fromhex(start[1:]), bytes.fromhex(end[1:]), strict=True)
    return "#" + bytes(round(a + (b - a) * share) for a, b in channels).hex()
