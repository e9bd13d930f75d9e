"""Reads `hydra.sweeper.optim` and `parametrization`, the form of hydra-nevergrad-sweeper. Pure.

Source of the form: https://hydra.cc/docs/plugins/nevergrad_sweeper/. Bounds are inclusive. The plugin's defaults are 80
runs, 10 at once, and minimisation.
"""

from __future__ import annotations

from collections.abc import Mapping

from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.json import Json, JsonObject

from .override_text import value_text
from .translation import Section, Translation, choice_text, interval_text, merged

KEYS = frozenset({"optim", "parametrization", "version"})
DEFAULT_BUDGET, DEFAULT_WORKERS = 80, 10

_OWN_OPTIMISER = "the tuning service has its own optimiser"
_NO_EFFECT: Mapping[str, str] = {
    "optimizer": _OWN_OPTIMISER,
    "noisy": _OWN_OPTIMISER,
    "max_failure_rate": "--max-failed-trials sets how many trials may fail",
}
_NO_EFFECT_IN_SCALAR: Mapping[str, str] = {
    "init": "the tuning service chooses where it starts",
    "step": "the tuning service chooses its steps",
}
_SCALAR = frozenset({"lower", "upper", "log", "integer", *_NO_EFFECT_IN_SCALAR})


def read_nevergrad(sweeper: JsonObject, source: str) -> Translation:
    """Convert the sweeper. Raises SearchSpaceError for what a study of the API cannot express."""
    top = Section(sweeper, f"{source}: hydra.sweeper")
    optim, entries = top.section("optim"), top.section("parametrization")
    optim.require_known({"budget", "num_workers", "maximize", "seed", *_NO_EFFECT})
    given = {name: value for name, value in sweeper.items() if name not in KEYS}
    scalars = [entries.section(key) for key, value in entries.values.items() if isinstance(value, Mapping)]
    return Translation(
        merged(given, _study(optim), {key: _sweep(entries, key) for key in entries.values}),
        (
            *optim.without_effect(_NO_EFFECT),
            *(notice for scalar in scalars for notice in scalar.without_effect(_NO_EFFECT_IN_SCALAR)),
        ),
    )


def _study(optim: Section) -> dict[str, Json]:
    budget, workers = optim.number("budget"), optim.number("num_workers")
    return {
        "direction": "maximize" if optim.flag("maximize", default=False) else "minimize",
        "n_trials": DEFAULT_BUDGET if budget is None else budget,
        "n_jobs": DEFAULT_WORKERS if workers is None else workers,
        "sampler": {"seed": optim.values.get("seed")},
    }


def _sweep(entries: Section, key: str) -> str:
    match entries.values[key]:
        case list():
            return choice_text(entries.items(key))
        case Mapping():
            return _scalar(entries.section(key))
        case value:
            return value_text(value)


def _scalar(entry: Section) -> str:
    entry.require_known(_SCALAR)
    low, high = entry.number("lower"), entry.number("upper")
    for name, bound in (("lower", low), ("upper", high)):
        if bound is None:
            entry.refuse(name, "is missing, and a parameter of a study has two bounds; write it")
        if entry.flag("integer", default=False) and bound != int(bound):
            entry.refuse(name, f"is {excerpt(bound)}; expected a whole number, because the parameter is an integer")
    assert low is not None and high is not None  # noqa: S101, PT018 - refused above
    is_integer, is_log = entry.flag("integer", default=False), entry.flag("log", default=False)
    return interval_text(low, high, is_integer=is_integer, is_log=is_log)
