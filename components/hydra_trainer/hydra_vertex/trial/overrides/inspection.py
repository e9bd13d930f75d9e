"""Finds what an app's run could fail on in its composed config: mandatory values, and interpolations.

Plain Hydra composes such a config, and the app fails when it reads the key; so these are reported, not refused.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, ListConfig, Node, OmegaConf, open_dict

from hydra_vertex.protocol.dialogue import Inspection, Unresolved
from hydra_vertex.protocol.metric_names import metric_text
from hydra_vertex.trial.config.composition import choices_of

_MOST = 100
_HYDRA = "hydra"
_MISSING = "???"
_SET_BY_THE_RUN = {"runtime.output_dir": "", "job.num": 0, "job.id": "0"}
"""Keys below `hydra` that have no value in a composed config; a run sets them."""


def inspect_config(config: DictConfig) -> Inspection:
    """List at most 100 keys of each kind. A resolver of the app's own is called, as by a run that reads its key."""
    with _hydra_config(config) as whole:
        missing: list[str] = []
        unresolved: list[Unresolved] = []
        for key, node in _leaves(whole, ""):
            if node._is_missing():
                missing.append(key)
            elif node._is_interpolation() and (reason := _failure(node)):
                unresolved.append(Unresolved(key, reason))
        metric, interpreter = _optimized_metric(whole), sys.executable or ""
        return Inspection(tuple(missing[:_MOST]), tuple(unresolved[:_MOST]), metric, interpreter)


def mandatory_groups(config: DictConfig) -> tuple[str, ...]:
    """Return the config groups for which an option is mandatory (`???`), and not chosen."""
    return tuple(group for group, option in choices_of(config).items() if option == _MISSING)


def _leaves(holder: DictConfig | ListConfig, prefix: str) -> Iterator[tuple[str, Node]]:
    if holder._is_none() or holder._is_missing() or holder._is_interpolation():
        return
    names = list(holder) if isinstance(holder, DictConfig) else range(len(holder))
    for name in names:
        key = f"{prefix}{name!s}"
        node = holder._get_node(name)
        if not isinstance(node, Node) or key == _HYDRA:
            continue
        yield key, node
        if isinstance(node, (DictConfig, ListConfig)):
            yield from _leaves(node, f"{key}.")


def _failure(node: Node) -> str:
    """Return why an interpolation cannot be resolved; empty when it can. A resolver may raise any Exception."""
    try:
        node._dereference_node()
    except Exception as error:
        return " ".join(str(error).split("\n    full_key:")[0].split())
    return ""


def _optimized_metric(config: DictConfig) -> str | None:
    try:
        value = OmegaConf.select(config, "optimized_metric")
    except Exception:
        return None
    if isinstance(value, ListConfig):
        return metric_text([str(name) for name in value]) if value else None
    return None if value is None else str(value)


@contextmanager
def _hydra_config(config: DictConfig) -> Iterator[DictConfig]:
    """Give `${hydra:...}` a config for the block: a copy, with the keys that a run sets."""
    whole = copy.deepcopy(config)
    with open_dict(whole.hydra):
        for key, value in _SET_BY_THE_RUN.items():
            OmegaConf.update(whole.hydra, key, value)
    instance = HydraConfig.instance()
    before = instance.cfg
    instance.set_config(whole)
    try:
        yield whole
    finally:
        instance.cfg = before
