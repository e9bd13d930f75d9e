"""Resumes a preempted trial: sets the key of `--resume-key` to the newest checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from hydra_vertex.protocol.checkpoints import newest_checkpoint
from hydra_vertex.protocol.environment import CHECKPOINT_DIR
from hydra_vertex.protocol.errors import ArgumentError
from hydra_vertex.protocol.explanation import ArgumentKind, ExplainedArgument
from hydra_vertex.protocol.files import local_path
from hydra_vertex.protocol.suggestions import suggest
from hydra_vertex.trial.config.composition import AppConfig
from hydra_vertex.trial.config.key_types import KeyType, ValueKind, key_type, known_keys
from hydra_vertex.trial.overrides.delivery import Delivery
from hydra_vertex.trial.overrides.presence import is_set
from hydra_vertex.trial.overrides.values import value_text

_ACCEPTS_A_PATH = frozenset({ValueKind.STRING, ValueKind.PATH, ValueKind.ANY})


@dataclass(frozen=True, slots=True)
class Resumption:
    """A checkpoint to resume from. `argument` contains the override."""

    checkpoint: Path
    argument: ExplainedArgument

    def added_to(self, delivery: Delivery) -> Delivery:
        """Return the delivery with the override appended."""
        return replace(
            delivery,
            arguments=(*delivery.arguments, self.argument),
            overrides=(*delivery.overrides, self.argument.override),
        )


def resumption(app: AppConfig, delivery: Delivery, key: str, environ: Mapping[str, str]) -> Resumption | None:
    """Return the checkpoint and its override; None without a checkpoint, in a multirun, and if the user sets the key.

    Raises ArgumentError when the config has no such key or the key accepts no path. This does not depend on a
    checkpoint: the first start has to fail, not the one after the preemption.
    """
    if is_set(key, delivery.overrides):
        return None
    config = app.compose(delivery.overrides)
    if _is_multirun(config):
        return None
    type_ = _type(config, key)
    folder = environ.get(CHECKPOINT_DIR)
    checkpoint = newest_checkpoint(local_path(folder).absolute()) if folder else None
    return None if checkpoint is None else Resumption(checkpoint, _argument(key, type_, checkpoint))


def _type(config: DictConfig, key: str) -> KeyType:
    type_ = key_type(config, key)
    if type_ is None:
        near = suggest(key, (known for known in known_keys(config) if not known.startswith("hydra")))
        raise ArgumentError(f"--resume-key {key}: the app's config has no such key{near}")
    if type_.kind not in _ACCEPTS_A_PATH:
        raise ArgumentError(f"--resume-key {key}: the key's type is {type_.name}; a checkpoint needs str, Path or null")
    return type_


def _argument(key: str, type_: KeyType, checkpoint: Path) -> ExplainedArgument:
    override = f"{key}={value_text(str(checkpoint), type_)}"
    return ExplainedArgument(f"--resume-key {key}", ArgumentKind.VALUE, key, type_.name, override)


def _is_multirun(config: DictConfig) -> bool:
    try:
        return OmegaConf.select(config, "hydra.mode") is RunMode.MULTIRUN
    except OmegaConfBaseException:
        return False
