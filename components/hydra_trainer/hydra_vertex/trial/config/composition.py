"""Composes the app's config and lists its config groups, with the config loader that Hydra built for the app."""

from __future__ import annotations

import copy
import inspect
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from hydra.core.config_loader import ConfigLoader
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from hydra_vertex.protocol.errors import ArgumentError
from hydra_vertex.protocol.explanation import Composition
from hydra_vertex.protocol.json import Json, JsonObject

from .key_types import same_spelling

T = TypeVar("T")

_HYDRA = "hydra"
_PLUGINS = {
    "sweeper": {name: f"hydra-{name}-sweeper" for name in ("ax", "nevergrad", "optuna")},
    "launcher": {
        **{name: f"hydra-{name}-launcher" for name in ("joblib", "rq")},
        **{f"submitit_{place}": "hydra-submitit-launcher" for place in ("local", "slurm")},
        **dict.fromkeys(("ray", "ray_aws"), "hydra-ray-launcher"),
    },
}
"""The packages that have Hydra's optional sweepers and launchers."""

_MOST_REMEMBERED = 64
# In this mode Hydra accepts a mandatory group (`???`) without a choice, and sweeps on the command line.
_TOLERANT = RunMode.MULTIRUN


class Memory(Generic[T]):
    """The results of the last calls with overrides; an error of such a call is raised again."""

    def __init__(self) -> None:
        self.misses = 0
        self._results: dict[tuple[str, ...], T | ArgumentError] = {}

    def get(self, overrides: Sequence[str], make: Callable[[tuple[str, ...]], T]) -> T:
        """Return the result for these overrides, made at the first call."""
        key = tuple(overrides)
        if key not in self._results:
            self.misses += 1
            if len(self._results) >= _MOST_REMEMBERED:
                del self._results[next(iter(self._results))]
            try:
                self._results[key] = make(key)
            except ArgumentError as error:
                self._results[key] = error
        result = self._results[key]
        if isinstance(result, ArgumentError):
            raise result
        return result


@dataclass(frozen=True, slots=True)
class AppConfig:
    """One app's config. `config_name` is that of the app's `hydra.main`, or of `--config-name`.

    `given` contains the user's own overrides; they may extend Hydra's search path.
    """

    loader: ConfigLoader
    config_name: str | None
    given: tuple[str, ...] = ()
    _options: dict[str, tuple[str, ...]] = field(default_factory=dict, compare=False)
    _composed: Memory[DictConfig] = field(default_factory=Memory, compare=False)
    _choices: Memory[dict[str, str | None]] = field(default_factory=Memory, compare=False)

    @property
    def compositions(self) -> int:
        """How often Hydra has composed the config."""
        return self._composed.misses

    def compose(self, overrides: Sequence[str]) -> DictConfig:
        """Return the config with its `hydra` node, which must not be changed: it may be returned again.

        Raises ArgumentError with Hydra's message when composition fails.
        """
        return self._composed.get(overrides, self._compose)

    def compose_with(self, overrides: Sequence[str], values: Sequence[str]) -> DictConfig:
        """Compose with `overrides` followed by `values`, none of which chooses an option of a config group.

        Hydra merges the files of the defaults list and then sets the values; only the latter is done for each call.
        Raises ArgumentError when the config does not accept a value.
        """
        config = self.compose(overrides)
        set_values = getattr(self.loader, "_apply_overrides_to_config", None)
        if set_values is None:
            return self.compose((*overrides, *values))
        changed = copy.deepcopy(config)
        with _as_argument_errors():
            set_values(OverridesParser.create(config_loader=self.loader).parse_overrides(list(values)), changed)
        return changed

    def choices(self, overrides: Sequence[str]) -> dict[str, str | None]:
        """Return the option chosen in each config group, Hydra's own included. Cheaper than `compose`.

        Raises ArgumentError when Hydra cannot compute the defaults list.
        """
        return dict(self._choices.get(overrides, self._known_choices))

    def _compose(self, overrides: tuple[str, ...]) -> DictConfig:
        with _as_argument_errors():
            return self.loader.load_configuration(self.config_name, list(overrides), run_mode=_TOLERANT)

    def _known_choices(self, overrides: tuple[str, ...]) -> dict[str, str | None]:
        with _as_argument_errors():
            defaults = self.loader.compute_defaults_list(self.config_name, list(overrides), run_mode=_TOLERANT)
        return dict(defaults.overrides.known_choices)

    def options(self, group: str) -> tuple[str, ...]:
        """Return the options of a config group, sorted; an empty tuple when the group does not exist."""
        first_names = self._first_names()
        if first_names is not None and group.partition("/")[0] not in first_names:
            return ()
        if group not in self._options:
            self._options[group] = tuple(sorted(self._names(group, ObjectType.CONFIG)))
        return self._options[group]

    def _first_names(self) -> tuple[str, ...] | None:
        """Return the top-level groups, cached: each look-up costs Hydra 5 ms, and most parameters name no group.

        None when Hydra cannot list them: Hydra 1.4 fails when a file in the folder has a name that ends in `.yml`.
        """
        if "" not in self._options:
            try:
                self._options[""] = tuple(self._names("", ObjectType.GROUP))
            except ArgumentError:
                return None
        return self._options[""]

    def groups(self, parent: str = "") -> Iterator[str]:
        """Yield the app's config groups that have options, without Hydra's own."""
        for name in sorted(self._names(parent, ObjectType.GROUP) if parent else self._first_names() or ()):
            group = f"{parent}/{name}" if parent else name
            if group == _HYDRA:
                continue
            if self.options(group):
                yield group
            yield from self.groups(group)

    def content(self, name: str) -> dict[str, object]:
        """Return the content of one config file, such as `model/small`, as it is written; empty if it is no mapping."""
        repository = getattr(self.loader, "repository", None)
        try:
            found = None if repository is None else repository.load_config(name)
            config = {} if found is None else OmegaConf.to_container(found.config, resolve=False)
        except (HydraException, OmegaConfBaseException):
            return {}
        return {str(key): value for key, value in config.items()} if isinstance(config, dict) else {}

    def groups_like(self, name: str) -> list[str]:
        """Return the groups that differ from `name` (`db/my-engine`) only in `-` and `_`."""
        found = [""]
        for part in name.split("/"):
            found = [
                f"{parent}/{child}" if parent else child
                for parent in found
                for child in (self._names(parent, ObjectType.GROUP) if parent else self._first_names() or ())
                if same_spelling(child, part)
            ]
        return [group for group in found if self.options(group)]

    @property
    def knows_every_option(self) -> bool:
        """Whether `options` also covers the app's additions to Hydra's search path. False for Hydra 1.2."""
        return "overrides" in inspect.signature(self.loader.get_group_options).parameters

    def adds_to_search_path(self) -> bool:
        """Whether the app's config extends Hydra's search path (`hydra.searchpath`)."""
        return bool(self.compose(self.given).hydra.get("searchpath"))

    def _names(self, group: str, kind: ObjectType) -> list[str]:
        with _as_argument_errors():
            if self.knows_every_option:
                return self.loader.get_group_options(group, kind, self.config_name, list(self.given))
            return self.loader.get_group_options(group, kind)


@dataclass(frozen=True, slots=True)
class KnownMode:
    """The value of `hydra.mode` in a config. None means that the command line decides the mode."""

    value: RunMode | None


def known_mode(config: DictConfig) -> KnownMode | None:
    """Return the config's `hydra.mode`; None when it is an interpolation, or this version of Hydra has no such key."""
    if "mode" not in config.hydra or OmegaConf.is_interpolation(config.hydra, "mode"):
        return None
    return KnownMode(config.hydra.mode)


def plain(config: DictConfig) -> Composition:
    """Return a composed config as JSON values: without the `hydra` node, interpolations not resolved."""
    container = OmegaConf.to_container(config, resolve=False, enum_to_str=True)
    items = container.items() if isinstance(container, dict) else ()
    app: JsonObject = {str(key): json_value(value) for key, value in items if key != _HYDRA}
    return Composition(app, {g: option for g, option in choices_of(config).items() if not _is_hydra_group(g)})


def choices_of(config: DictConfig) -> dict[str, str | None]:
    """Return the option chosen in each config group of a composed config, Hydra's own groups included."""
    chosen = OmegaConf.to_container(config.hydra.runtime.choices, resolve=False)
    choices = chosen.items() if isinstance(chosen, dict) else ()
    return {str(group): None if option is None else str(option) for group, option in choices}


def _is_hydra_group(group: str) -> bool:
    return group == _HYDRA or group.startswith(f"{_HYDRA}/")


def json_value(value: object) -> Json:
    """Return a plain value as JSON; other objects as text."""
    match value:
        case dict():
            return {str(key): json_value(item) for key, item in value.items()}
        case list() | tuple():
            return [json_value(item) for item in value]
        case float() if value != value or value in (float("inf"), float("-inf")):
            return str(value)
        case None | bool() | int() | float() | str():
            return value
        case bytes():
            return value.decode("latin-1")
        case _:
            return str(value)


@contextmanager
def _as_argument_errors() -> Iterator[None]:
    """Convert Hydra's errors. Its warnings are suppressed here, because the run repeats them (see `hydra_main`)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (HydraException, OmegaConfBaseException, YAMLError, ValueError) as error:
        raise _not_composed(error) from error


def _not_composed(error: Exception) -> ArgumentError:
    texts = [str(error), str(error.__cause__) if error.__cause__ else ""]
    lines = "; ".join(line.strip() for text in texts for line in text.splitlines() if line.strip())
    return ArgumentError(f"Hydra cannot compose the app's config: {lines}{_plugin_hint(lines)}")


def _plugin_hint(problem: str) -> str:
    """Return which package has a sweeper or launcher that Hydra does not find; empty for any other problem."""
    found = re.search(r"Could not find 'hydra/(?P<kind>sweeper|launcher)/(?P<name>\w+)", problem)
    if found is None or found["name"] not in _PLUGINS[found["kind"]]:
        return ""
    package = _PLUGINS[found["kind"]][found["name"]]
    return f"; as in plain Hydra, the config needs the plugin: pip install {package}"
