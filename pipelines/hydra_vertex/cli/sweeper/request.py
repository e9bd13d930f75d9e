"""What a sweep asks for: the search file and the options of `hydra-vertex run`, from `hydra.sweeper`. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from hydra_vertex.launcher.search_space.hydra_part import SWEEPER_OPTIONS, VERTEX_OPTIONS
from hydra_vertex.launcher.search_space.optuna_space import KEY as SEARCH_SPACE
from hydra_vertex.launcher.search_space.optuna_space import read_search_space
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import SearchSpaceError
from hydra_vertex.protocol.json import Json, JsonObject

from .destination import identity_elsewhere, is_elsewhere, options_elsewhere

_CUSTOM = "custom_search_space"
_NOT_IN_FILE = frozenset({"_target_", "_recursive_", "max_failure_rate", *SWEEPER_OPTIONS, *VERTEX_OPTIONS})
_COUNTS = frozenset({"n_trials", "n_jobs"})
_OF_STUDY = ("early_stopping", "monitor", "trial_timeout", "seed", "no_baseline", "start_from", "retrain")
_PLACE = "hydra.sweeper"


@dataclass(frozen=True, slots=True)
class SweepRequest:
    """`sweeper` is `hydra.sweeper` of a search file; `options` are arguments of `hydra-vertex run`.

    `is_elsewhere`: the trials run on Vertex AI, and `options` are arguments of `hydra-vertex tune`. `study` is the part
    that another start of the same sweep has to have too.
    """

    sweeper: JsonObject
    options: tuple[str, ...]
    study: JsonObject
    is_elsewhere: bool = False


def sweep_request(sweeper: JsonObject, overrides: Sequence[Override]) -> SweepRequest:
    """Return what `hydra.sweeper` and the task overrides of the command line ask for. Raises SearchSpaceError.

    As in hydra-optuna-sweeper, an override with several values is a param, and one with a single value fixes a param.
    """
    elsewhere = is_elsewhere(sweeper)
    kept: dict[str, Json] = {
        name: value for name, value in _in_params(sweeper).items() if name not in _NOT_IN_FILE and value is not None
    }
    params = _with_overrides(_params(kept), overrides)
    if not params and not kept.get(_CUSTOM):
        raise SearchSpaceError(
            f"no key has several values, neither in {_PLACE}.params nor on the command line, so there is nothing to "
            "search; give one, such as 'optimizer.lr=tag(log,interval(1e-5,1e-1))'"
        )
    kept["params"] = params
    study = {name: value for name, value in kept.items() if name not in _COUNTS}
    study |= {name: sweeper[name] for name in _OF_STUDY if sweeper.get(name) is not None}
    if elsewhere:
        return SweepRequest(kept, tuple(_options_elsewhere(sweeper)), {**study, **identity_elsewhere(sweeper)}, True)
    return SweepRequest(kept, tuple(_options(sweeper)), study)


def parse_overrides(arguments: Sequence[str]) -> list[Override]:
    """Parse overrides that Hydra has parsed before."""
    return list(OverridesParser.create().parse_overrides(list(arguments)))


def plain_key(key: str) -> str:
    """Return a key without the sign that adds or deletes it."""
    return key.lstrip("+~")


def _in_params(sweeper: JsonObject) -> JsonObject:
    """Return the sweeper with the search space in `params`, where overrides of the command line replace its keys."""
    if sweeper.get(SEARCH_SPACE) is None or sweeper.get("params") is not None:
        return sweeper
    return read_search_space(sweeper, "the command").sweeper


def _params(sweeper: JsonObject) -> JsonObject:
    params = sweeper.get("params") or {}
    if not isinstance(params, Mapping):
        raise SearchSpaceError(f"{_PLACE}.params is {excerpt(repr(params))}; expected a mapping of keys to values")
    return params


def _with_overrides(params: JsonObject, overrides: Sequence[Override]) -> dict[str, Json]:
    """Return the params with the sweeps of the command line, and without the keys that it fixes."""
    given = {plain_key(override.get_key_element()) for override in overrides}
    kept: dict[str, Json] = {key: value for key, value in params.items() if plain_key(key) not in given}
    sweeps = (override for override in overrides if override.is_sweep_override())
    return kept | {sweep.get_key_element(): (sweep.input_line or "").partition("=")[2] for sweep in sweeps}


def _options(sweeper: JsonObject) -> Iterator[str]:
    if sweeper.get("retrain") is None:
        yield "--no-retrain"
    yield f"--max-failed-trials={_max_failed(sweeper)}"
    for name in SWEEPER_OPTIONS:
        yield from _option(name, sweeper.get(name))


def _options_elsewhere(sweeper: JsonObject) -> Iterator[str]:
    yield f"--max-failed-trials={_max_failed(sweeper)}"
    for name, value in options_elsewhere(sweeper):
        yield from _option(name, value)


def _option(name: str, value: Json) -> Iterator[str]:
    option = f"--{name.replace('_', '-')}"
    match value:
        case None:
            return
        case False:  # only an option that has an opposite says something by it
            if f"no_{name}" in SWEEPER_OPTIONS:
                yield f"--no-{name.replace('_', '-')}"
        case True:
            yield option
        case str() | int() | float():
            yield f"{option}={value}"
        case Mapping():
            raise SearchSpaceError(f"{_PLACE}.{name} is a mapping; expected a value, or a list of values")
        case _:
            for item in value:
                yield from _option(name, item)


def _max_failed(sweeper: JsonObject) -> int:
    """Return the number of failed trials that ends the study; 0 for no limit.

    hydra-optuna-sweeper ends at a batch with a larger share of failures. There are no batches here, so the share is
    that of all trials.
    """
    rate, trials = sweeper.get("max_failure_rate"), sweeper.get("n_trials")
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
        raise SearchSpaceError(f"{_PLACE}.max_failure_rate is {excerpt(repr(rate))}; expected a number from 0 to 1")
    if not isinstance(trials, int):
        return 0  # Refused with the search file.
    allowed = math.floor(rate * trials)
    return allowed + 1 if allowed < trials else 0
