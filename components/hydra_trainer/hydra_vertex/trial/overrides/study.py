"""What an app's composed config says of a study: its sweeper, its metric, and the config groups that chose them."""

from __future__ import annotations

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from hydra_vertex.protocol.explanation import StudyPart
from hydra_vertex.protocol.json import Json
from hydra_vertex.trial.config.composition import AppConfig, choices_of, json_value

_SWEEPER = "hydra.sweeper"
_METRIC = "optimized_metric"
_STUDY_KEYS = frozenset({"sweeper", "mode", "launcher"})


def study_of(app: AppConfig, config: DictConfig) -> StudyPart:
    """Return the study of a composed config. What cannot be resolved before the app runs stays an interpolation."""
    sweeper = OmegaConf.select(config, _SWEEPER)
    names = sweeper if isinstance(sweeper, DictConfig) else {}
    return StudyPart(
        sweeper={str(name): _value(config, f"{_SWEEPER}.{name}") for name in names},
        optimized_metric=_value(config, _METRIC) if _METRIC in config else None,
        groups=tuple(group for group, option in choices_of(config).items() if _is_of_study(app, group, option)),
    )


def _value(config: DictConfig, key: str) -> Json:
    try:
        node = OmegaConf.select(config, key, throw_on_missing=False)
    except OmegaConfBaseException:
        parent, _, name = key.rpartition(".")
        holder = OmegaConf.select(config, parent) if parent else config
        return json_value(OmegaConf.to_container(holder, resolve=False, enum_to_str=True)[name])  # type: ignore[call-overload, index]  # a mapping with this key
    if not OmegaConf.is_config(node):
        return json_value(getattr(node, "name", node))
    try:
        return json_value(OmegaConf.to_container(node, resolve=True, enum_to_str=True))
    except OmegaConfBaseException:
        return json_value(OmegaConf.to_container(node, resolve=False, enum_to_str=True))


def _is_of_study(app: AppConfig, group: str, option: str | None) -> bool:
    """Whether the chosen option sets how Hydra sweeps: plain Hydra would make a run with it a sweep."""
    if option is None or group.startswith("hydra"):
        return False
    settings = app.content(f"{group}/{option}").get("hydra")
    return isinstance(settings, dict) and not _STUDY_KEYS.isdisjoint(settings)
