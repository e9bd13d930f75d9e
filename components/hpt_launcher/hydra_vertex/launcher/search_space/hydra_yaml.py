"""Reads a sweeper file as Hydra reads a config: with OmegaConf's YAML rules, where `1e-3` is a number."""

from __future__ import annotations

import re
from itertools import takewhile
from pathlib import Path
from typing import cast

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from hydra_vertex.launcher.files.reading import SEARCH_FILE, read_text
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import SearchSpaceError
from hydra_vertex.protocol.json import Json, JsonObject

from .search_space import METRIC_KEY

RESOLVED = (METRIC_KEY, "hydra.sweeper.direction", "hydra.sweeper.n_trials", "hydra.sweeper.n_jobs")
"""The keys whose values the launcher needs. METRIC_KEY may be an interpolation of the app's config."""

_HEADER = re.compile(r"#+\s*@")
_PACKAGE = re.compile(r"#+\s*@package\s+(?P<package>\S+)")
_GLOBAL = "_global_"


def read_as_hydra(path: Path) -> JsonObject:
    """Read a file that is known to be a YAML mapping of bounded size.

    Interpolations stay text, except those of RESOLVED, which are resolved in the file. Raises SearchSpaceError for
    what OmegaConf refuses, for an interpolation of RESOLVED, METRIC_KEY excepted, to a key that the file does not have,
    and for a package other than `_global_`.
    """
    text = read_text(path, SEARCH_FILE)
    _check_package(text, path)
    try:
        config = OmegaConf.create(text)
    except (OmegaConfBaseException, yaml.YAMLError, ValueError, TypeError) as error:
        raise SearchSpaceError(f"{path}: not a config that Hydra reads ({excerpt(str(error), 200)})") from error
    if not isinstance(config, DictConfig):
        raise SearchSpaceError(f"{path}: not a mapping, as a config of Hydra is")
    for key in RESOLVED:
        _resolve(config, key, path)
    return _plain(OmegaConf.to_container(config, resolve=False), str(path))


def _check_package(text: str, path: Path) -> None:
    """A package in the header moves the whole file, `hydra` too, below a key of the config.

    The header is the lines `# @key value` at the beginning of the file; any other comment ends it, as in Hydra.
    """
    lines = (line.strip() for line in text.splitlines() if line.strip())
    for line in takewhile(_HEADER.match, lines):
        header = _PACKAGE.fullmatch(line)
        if header and header["package"] != _GLOBAL:
            raise SearchSpaceError(
                f"{path}: the package is {excerpt(header['package'])}, below which Hydra finds no hydra.sweeper; "
                f"write # @package {_GLOBAL}"
            )


def _resolve(config: DictConfig, key: str, path: Path) -> None:
    written = _raw(config, key)
    if not isinstance(written, str) or "${" not in written:
        return
    try:
        value = OmegaConf.select(config, key)
    except OmegaConfBaseException as error:
        if key == METRIC_KEY:
            return
        raise SearchSpaceError(
            f"{path}: {key} is {excerpt(written)}, which this file does not resolve; write the value itself"
        ) from error
    OmegaConf.update(config, key, value)


def _raw(config: DictConfig, key: str) -> object:
    node: object = config
    for name in key.split("."):
        if not isinstance(node, DictConfig) or name not in node or OmegaConf.is_interpolation(node):
            return None
        node = node._get_node(name)
    return getattr(node, "_value", lambda: None)()


def _plain(value: object, where: str) -> JsonObject:
    """Check that all keys of mappings are text, as those of a Hydra command line are."""
    _check_keys(value, where)
    return cast("JsonObject", value)


def _check_keys(value: object, where: str) -> None:
    items: list[Json] = []
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise SearchSpaceError(f"{where}: the key is {excerpt(repr(key))}; expected text, so put it in quotes")
        items = list(value.values())
    elif isinstance(value, list):
        items = value
    for item in items:
        _check_keys(item, where)
