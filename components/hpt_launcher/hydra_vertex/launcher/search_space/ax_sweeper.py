"""Reads `hydra.sweeper.ax_config`, the form of hydra-ax-sweeper. Pure.

Source of the form: https://hydra.cc/docs/plugins/ax_sweeper/. Bounds are inclusive; two whole numbers as bounds make an
integer parameter. Ax's defaults are 10 trials and minimisation.
"""

from __future__ import annotations

from collections.abc import Mapping

from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.protocol.suggestions import suggest

from .override_text import value_text
from .translation import Section, Translation, choice_text, interval_text, merged

KEY = "ax_config"
DEFAULT_TRIALS = 10
_OBJECTIVE = "objective"
"""Ax's own default of `objective_name`, which stands for the app's return value."""

_OWN_OPTIMISER = "the tuning service has its own optimiser"
_NO_EFFECT: Mapping[str, str] = {
    "early_stop": "the study ends after its trials; in gcloud's form, studyStoppingConfig ends it earlier",
    "is_noisy": _OWN_OPTIMISER,
}
_NO_EFFECT_IN_EXPERIMENT: Mapping[str, str] = {"status_quo": "no outcome is compared with it"}
_NO_EFFECT_IN_CLIENT: Mapping[str, str] = {"verbose_logging": _OWN_OPTIMISER}
_REFUSED_IN_EXPERIMENT: Mapping[str, str] = {
    "parameter_constraints": "the API has no constraints between parameters",
    "outcome_constraints": "the API has no constraints on metrics",
}
_TYPES = ("range", "choice", "fixed")
_IGNORED = frozenset({"is_ordered", "sort_values"})
_PARAMETER = frozenset({"type", "bounds", "values", "value", "log_scale", "value_type", "parameter_type", *_IGNORED})


def read_ax(sweeper: JsonObject, source: str) -> Translation:
    """Convert the sweeper. Raises SearchSpaceError for what a study of the API cannot express."""
    config = Section(sweeper, f"{source}: hydra.sweeper").section(KEY)
    experiment, client = config.section("experiment"), config.section("client")
    config.require_known({"max_trials", "experiment", "client", "params", *_NO_EFFECT})
    experiment.require_known({"name", "objective_name", "minimize", *_NO_EFFECT_IN_EXPERIMENT, *_REFUSED_IN_EXPERIMENT})
    client.require_known({"random_seed", *_NO_EFFECT_IN_CLIENT})
    for name, why in _REFUSED_IN_EXPERIMENT.items():
        if experiment.values.get(name):
            experiment.refuse(name, f"cannot be expressed: {why}; remove it")
    params = config.section("params")
    given = {name: value for name, value in sweeper.items() if name not in {KEY, "max_batch_size"}}
    return Translation(
        merged(given, _study(sweeper, config, experiment), {key: _sweep(params, key) for key in params.values}),
        (
            *config.without_effect(_NO_EFFECT),
            *experiment.without_effect(_NO_EFFECT_IN_EXPERIMENT),
            *client.without_effect(_NO_EFFECT_IN_CLIENT),
        ),
    )


def _study(sweeper: JsonObject, config: Section, experiment: Section) -> dict[str, Json]:
    trials = config.number("max_trials")
    metric = experiment.values.get("objective_name")
    optional: dict[str, Json] = {
        "n_jobs": sweeper.get("max_batch_size"),
        "study_name": experiment.values.get("name"),
        "optimized_metric": None if metric == _OBJECTIVE else metric,
    }
    return {
        "direction": "minimize" if experiment.flag("minimize", default=True) else "maximize",
        "n_trials": DEFAULT_TRIALS if trials is None else trials,
        "sampler": {"seed": config.section("client").values.get("random_seed")},
        **{name: value for name, value in optional.items() if value is not None},
    }


def _sweep(params: Section, key: str) -> str:
    entry = params.section(key)
    entry.require_known(_PARAMETER)
    match entry.values.get("type"):
        case "range":
            return _range(entry)
        case "choice":
            return choice_text(entry.items("values"))
        case "fixed" if "value" in entry.values:
            return value_text(entry.values["value"])
        case _:
            kind = entry.values.get("type")
            return entry.refuse("type", f"is {excerpt(repr(kind))}; expected a kind{suggest(str(kind), _TYPES)}")


def _range(entry: Section) -> str:
    ends = Section(dict(zip(("lower", "upper"), entry.items("bounds"), strict=False)), f"{entry.path}.bounds")
    low, high = ends.number("lower"), ends.number("upper")
    if low is None or high is None or len(entry.items("bounds")) != 2:
        entry.refuse("bounds", f"is {excerpt(repr(entry.values['bounds']))}; expected a lower and an upper number")
    kind = entry.values.get("value_type", entry.values.get("parameter_type"))
    is_integer = isinstance(low, int) and isinstance(high, int) and str(kind).lower() != "float"
    return interval_text(low, high, is_integer=is_integer, is_log=entry.flag("log_scale", default=False))
