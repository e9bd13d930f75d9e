"""Reads a Hydra experiment file, such as best.yaml, as a study of one requested trial. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from hydra_vertex.job import (
    Categorical,
    HyperparameterTuningJob,
    MetricSpec,
    ParameterSpec,
    ParameterValue,
    StudySpec,
    Trial,
    TrialJobSpec,
    TrialState,
    walk_parameters,
)
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.json import Json, JsonObject


def requested_study(
    document: JsonObject, source: str, spec: StudySpec, aliases: Sequence[str] = ()
) -> HyperparameterTuningJob:
    """Return a study with the parameters of the search space that an experiment file sets, as one REQUESTED trial.

    `aliases` are texts `ID=KEY`. A config group is set by an entry of the defaults list. Raises UserError when the file
    sets none of the parameters.
    """
    keys = dict(alias.split("=", 1) for alias in aliases)
    values = {**_values(document), **dict(_options(document.get("defaults")))}
    found = {
        spec.id: value
        for spec in walk_parameters(spec.parameters)
        if (value := _value(spec, values, keys.get(spec.id, spec.id).lstrip("+"))) is not None
    }
    if not found:
        names = ", ".join(spec.id for spec in walk_parameters(spec.parameters))
        raise UserError(f"{source}: sets none of the parameters of the search space ({names})")
    return HyperparameterTuningJob(
        display_name=source,
        study_spec=StudySpec((MetricSpec(spec.objective.id, spec.objective.goal),), spec.parameters),
        trial_job_spec=TrialJobSpec(worker_pools=()),
        max_trial_count=1,
        parallel_trial_count=1,
        trials=(Trial("1", TrialState.REQUESTED, found),),
    )


def _values(config: JsonObject, prefix: str = "") -> dict[str, Json]:
    """Return the values of a config by dotted key, those of mappings included."""
    found: dict[str, Json] = {}
    for key, value in config.items():
        found[f"{prefix}{key}"] = value
        if isinstance(value, Mapping):
            found.update(_values(value, f"{prefix}{key}."))
    return found


def _options(defaults: Json) -> Iterator[tuple[str, Json]]:
    """Yield the options by config group: of `- override /model: large`, model and large."""
    for entry in defaults if isinstance(defaults, list) else ():
        for name, option in entry.items() if isinstance(entry, Mapping) else ():
            yield str(name).removeprefix("override ").strip().lstrip("/").partition("@")[0], option


def _value(spec: ParameterSpec, values: Mapping[str, Json], key: str) -> ParameterValue | None:
    """Return the value of a parameter as the API has it; None when the file does not set it to a scalar."""
    value = values.get(key)
    if key not in values or isinstance(value, (list, Mapping)):
        return None
    if isinstance(spec.domain, Categorical):
        return _text(value)
    try:
        return None if isinstance(value, bool) or value is None else float(str(value))
    except ValueError:
        return None


def _text(value: Json) -> str:
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
