"""Parses a Hydra sweeper config, in the form of hydra-optuna-sweeper and the lightning-hydra-template.

::

    # @package _global_
    optimized_metric: val/loss
    hydra:
      sweeper:
        direction: minimize
        n_trials: 20
        n_jobs: 2
        params:
          optimizer.lr: tag(log, interval(1e-5, 1e-1))

Source of the form: https://hydra.cc/docs/plugins/optuna_sweeper/.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from hydra_vertex.job import MeasurementSelection, ParameterSpec, StudySpec
from hydra_vertex.launcher.limits import DISPLAY_NAME_LIMIT, MAX_COUNT
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import SearchSpaceError
from hydra_vertex.protocol.json import Json, JsonObject

from .app_part import DEFAULTS, HYDRA, chosen_option, default_overrides, groups_without_effect, value_overrides
from .ax_sweeper import read_ax
from .conditions import as_tree, conditions_of
from .hydra_part import CONVERTED, SWEEPER, check_sweeper_keys, notices_of, section_overrides
from .nevergrad_sweeper import read_nevergrad
from .objectives import parse_objectives
from .optuna_space import read_search_space
from .sampler import GROUP as SAMPLER_GROUP
from .sampler import parse_sampler
from .search_space import DEFAULT_PARALLEL_COUNT, DEFAULT_TRIAL_COUNT, METRIC_KEY, SearchSpace
from .sweep_syntax import parse_param
from .translation import Translation


def parse(document: JsonObject, source: str) -> SearchSpace:
    """Parse the search space in `hydra.sweeper`. Raises SearchSpaceError naming the field.

    The last measurement of a trial is its result, because the app's return value is reported last.
    """
    hydra = _mapping(document, HYDRA, source)
    written = _mapping(hydra, SWEEPER, source)
    translation = _translated(written, source)
    sweeper = translation.sweeper
    check_sweeper_keys(sweeper, source)
    sampler = parse_sampler(sweeper.get("sampler"), chosen_option(document, SAMPLER_GROUP), source)
    params = _params(sweeper, source)
    parsed = {key: parse_param(key, value, source) for key, value in params.items()}
    flat = tuple(p for p in parsed.values() if isinstance(p, ParameterSpec))
    parameters = as_tree(flat, conditions_of(params, source))
    if not parameters:
        raise SearchSpaceError(f"{source}: hydra.sweeper.params fixes every value; there is nothing to search")
    metrics = parse_objectives(document, sweeper, source)
    return SearchSpace(
        study_spec=StudySpec(metrics, parameters, sampler.algorithm, MeasurementSelection.LAST),
        max_trial_count=_count(sweeper, "n_trials", DEFAULT_TRIAL_COUNT, source),
        parallel_trial_count=_count(sweeper, "n_jobs", DEFAULT_PARALLEL_COUNT, source),
        app_overrides=tuple(_app_overrides(document, hydra, source)),
        fixed=tuple(p for p in parsed.values() if isinstance(p, str)),
        sweeps=tuple(f"{key}={params[key]}" for key, p in parsed.items() if isinstance(p, ParameterSpec)),
        notices=(
            *groups_without_effect(document),
            *notices_of(hydra, sweeper),
            *translation.notices,
            *sampler.notices,
        ),
        display_name=_name(sweeper, source),
        seed=sampler.seed,
    )


def _translated(sweeper: JsonObject, source: str) -> Translation:
    """Return the sweeper in the keys of hydra-optuna-sweeper, whatever plugin it is of."""
    if sweeper.get("ax_config") is not None:
        return read_ax(sweeper, source)
    if sweeper.get("optim") is not None or sweeper.get("parametrization") is not None:
        return read_nevergrad(sweeper, source)
    if sweeper.get("search_space") is not None:
        return read_search_space(sweeper, source)
    return Translation({name: value for name, value in sweeper.items() if name not in CONVERTED})


def _name(sweeper: JsonObject, source: str) -> str:
    """Return the study's name; empty without one, and for one that only Hydra can resolve."""
    name = sweeper.get("study_name")
    if name is None or (isinstance(name, str) and "${" in name):
        return ""
    if not isinstance(name, str) or not name.strip() or not name.isprintable() or len(name) > DISPLAY_NAME_LIMIT:
        raise SearchSpaceError(
            f"{source}: hydra.sweeper.study_name is {excerpt(repr(name))}; expected 1 to {DISPLAY_NAME_LIMIT} "
            "characters, none of them a control character"
        )
    return name


def parse_composed(sweeper: JsonObject, metric: Json, source: str) -> SearchSpace:
    """Parse the sweeper of an app's composed config. Its app part is in the app's command already.

    Raises SearchSpaceError naming the field.
    """
    given = {name: value for name, value in sweeper.items() if value is not None}
    document: JsonObject = {} if metric is None else {METRIC_KEY: metric}
    space = parse({**document, HYDRA: {SWEEPER: given}}, source)
    return dataclasses.replace(space, app_overrides=())


def _app_overrides(document: JsonObject, hydra: JsonObject, source: str) -> Iterator[str]:
    yield from default_overrides(document, source)
    yield from value_overrides({key: document[key] for key in document if key not in {HYDRA, DEFAULTS}}, source)
    yield from section_overrides(hydra, source)


def _params(sweeper: JsonObject, source: str) -> JsonObject:
    params = sweeper.get("params")
    if not isinstance(params, dict) or not params:
        raise SearchSpaceError(
            f"{source}: hydra.sweeper.params is {excerpt(repr(params))}; name at least one key and its values, "
            "such as `optimizer.lr: tag(log, interval(1e-5, 1e-1))`"
        )
    return params


def _count(sweeper: JsonObject, name: str, default: int, source: str) -> int:
    value = sweeper.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_COUNT:
        given = f"hydra.sweeper.{name} is {excerpt(repr(value))}"
        raise SearchSpaceError(f"{source}: {given}; expected a whole number from 1 to {MAX_COUNT}")
    return value


def _mapping(holder: JsonObject, name: str, source: str) -> JsonObject:
    value: Json = holder.get(name)
    if not isinstance(value, dict):
        raise SearchSpaceError(f"{source}: {name} is {excerpt(repr(value))}; a search file has hydra.sweeper.params")
    return value
