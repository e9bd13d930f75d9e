"""Reads `hydra.sweeper.search_space`, which hydra-optuna-sweeper had before `params`. Pure.

Source of the form: https://hydra.cc/docs/upgrades/1.1_to_1.2/changes_to_sweeper_config/. Both bounds are inclusive.
"""

from __future__ import annotations

from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.protocol.suggestions import suggest

from .translation import Section, Translation, choice_text, interval_text, merged

KEY = "search_space"
_KINDS = ("int", "float", "categorical")
_FIELDS = frozenset({"type", "choices", "low", "high", "log", "step"})


def read_search_space(sweeper: JsonObject, source: str) -> Translation:
    """Convert the search space, unless there are `params`, which the plugin prefers. Raises SearchSpaceError."""
    given = {name: value for name, value in sweeper.items() if name != KEY}
    if given.get("params") is not None:
        why = "hydra.sweeper.params has the search space"
        return Translation(given, (f"hydra.sweeper.{KEY} has no effect, because {why}",))
    entries = Section(sweeper, f"{source}: hydra.sweeper").section(KEY)
    return Translation(merged(given, {}, {key: _sweep(entries.section(key)) for key in entries.values}))


def _sweep(entry: Section) -> str:
    entry.require_known(_FIELDS)
    kind = entry.values.get("type")
    if kind == "categorical":
        return choice_text(entry.items("choices"))
    if kind not in _KINDS:
        entry.refuse("type", f"is {excerpt(repr(kind))}; expected one of its kinds{suggest(str(kind), _KINDS)}")
    low, high, step = entry.number("low"), entry.number("high"), entry.number("step")
    if low is None or high is None:
        entry.refuse("low" if low is None else "high", "is missing; write both bounds")
    is_log, is_integer = entry.flag("log", default=False), kind == "int"
    if is_log and step not in (None, 1):
        entry.refuse("step", "cannot be combined with log; remove one of the two")
    if step is None or is_log or (is_integer and step == 1):
        return interval_text(low, high, is_integer=is_integer, is_log=is_log)
    # A range of Hydra excludes its end.
    if is_integer:
        return f"range({int(low)}, {int(high) + 1}, {int(step)})"
    return f"range({float(low)!r}, {float(high) + float(step) / 2!r}, {float(step)!r})"
