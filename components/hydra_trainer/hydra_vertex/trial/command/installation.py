"""Describes this installation of hydra-vertex, so that another interpreter can import its trial side."""

from __future__ import annotations

import importlib.util
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TypedDict

import hydra_vertex

BOOTSTRAP = Path(__file__).parents[1] / "bootstrap"


class Installation(TypedDict):
    """What `bootstrap/import_path.py` reads: the folders of the namespace, of `hypertune`, and of the metadata.

    `hypertune` is the folder that contains the package. Both texts are empty where there is none.
    """

    namespace: list[str]
    hypertune: str
    metadata: str


def own_installation() -> Installation:
    """Return the paths of the installation that this process uses, absolute."""
    namespace = [str(Path(folder).absolute()) for folder in hydra_vertex.__path__]
    return Installation(namespace=namespace, hypertune=_hypertune(), metadata=_metadata())


def _hypertune() -> str:
    spec = importlib.util.find_spec("hypertune")
    return str(Path(spec.origin).absolute().parents[1]) if spec is not None and spec.origin else ""


def _metadata() -> str:
    try:
        found = Path(str(distribution("hydra-vertex").locate_file("")))
    except PackageNotFoundError:
        return ""
    return str(next(iter(sorted(found.absolute().glob("hydra_vertex-*.dist-info"))), ""))
