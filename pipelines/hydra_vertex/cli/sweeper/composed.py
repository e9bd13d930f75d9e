"""Reads from the composed config of a sweep what the study needs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import cast

from omegaconf import DictConfig, OmegaConf, read_write

from hydra_vertex.cli.output import say
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import SearchSpaceError
from hydra_vertex.protocol.json import Json, JsonObject

from .folder import without_time

_METRIC = "optimized_metric"
_SWEEP_DIR = "hydra.sweep.dir"
_CHOICE = "hydra.runtime.choices.hydra/launcher"
_JOBLIB = "hydra_plugins.hydra_joblib_launcher."
_BASIC = ".BasicLauncher"


def require_launcher(config: DictConfig) -> None:
    """Raises SearchSpaceError for a launcher that would start the jobs elsewhere; joblib is replaced."""
    target = str(OmegaConf.select(config, "hydra.launcher._target_"))
    name = str(OmegaConf.select(config, _CHOICE, default=target))
    if target.startswith(_JOBLIB):
        say(f"hydra/launcher: {name} has no effect, because the tuning service starts the trials, n_jobs at once")
    elif not target.endswith(_BASIC):
        raise SearchSpaceError(
            f"hydra/launcher is {excerpt(name)}, but the tuning service starts the trials, on this machine and "
            "hydra.sweeper.n_jobs at once; remove hydra/launcher"
        )


def sweeper_of(config: DictConfig) -> JsonObject:
    """Return `hydra.sweeper`, with the metric's name, or the list of names, of the app's config, if that has one."""
    plain = OmegaConf.to_container(config.hydra.sweeper, resolve=True, enum_to_str=True)
    sweeper = cast("JsonObject", plain)
    metric = OmegaConf.select(config, _METRIC)
    if metric is None:
        return sweeper
    names = OmegaConf.to_container(metric, resolve=True) if OmegaConf.is_config(metric) else metric
    return {**sweeper, _METRIC: cast("Json", names)}


def identity_of(config: DictConfig, app: Sequence[str], study: JsonObject) -> JsonObject:
    """Return what another start of the same sweep has in common: the command, the app's config and the study."""
    own = {name: value for name, value in _plain(config).items() if name != "hydra"}
    digest = hashlib.sha256(OmegaConf.to_yaml(OmegaConf.create(own), sort_keys=True).encode()).hexdigest()
    return {"command": list(app), "config": digest, **study}


def sweep_dir_at_any_time(config: DictConfig) -> str:
    """Return `hydra.sweep.dir` with NOW of `folder` in the place of the time."""
    own = OmegaConf.create(_plain(config))
    OmegaConf.update(own, _SWEEP_DIR, without_time(str(_plain(config.hydra.sweep)["dir"])))
    return str(OmegaConf.select(own, _SWEEP_DIR))


def set_sweep_dir(config: DictConfig, folder: str) -> None:
    """Set `hydra.sweep.dir`, which callbacks of the app read at the end of the sweep."""
    with read_write(config.hydra.sweep):
        config.hydra.sweep.dir = folder


def _plain(config: DictConfig) -> dict[str, object]:
    """Return the values without types and flags; interpolations stay text."""
    return cast("dict[str, object]", OmegaConf.to_container(config, resolve=False))
