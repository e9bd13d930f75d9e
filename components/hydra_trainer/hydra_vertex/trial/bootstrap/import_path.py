"""Makes the namespace `hydra_vertex` importable from another installation, without the rest of its site-packages."""

import importlib.machinery
import os
import sys

TYPE_CHECKING = False  # without the import of typing, which other programs would wait for
if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.machinery import ModuleSpec
    from importlib.metadata import Distribution

    from hydra_vertex.trial.command.installation import Installation


class InstallationFinder(object):  # noqa: UP004 - read by any Python
    """A finder of `sys.meta_path` for `hydra_vertex`, its metadata, and `hypertune` where the environment has none.

    It comes first, so that an environment with a hydra-vertex of its own uses this one: both sides of a trial have to
    be of one version.
    """

    def __init__(self, installation: "Installation") -> None:
        self.namespace = installation["namespace"]
        self.metadata = installation["metadata"]

    def find_spec(self, name: str, path: object = None, target: object = None) -> "ModuleSpec | None":  # noqa: ARG002 - the protocol
        """Return a namespace package for `hydra_vertex`; other finders find the modules in it by its path."""
        if name != "hydra_vertex":
            return None
        spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = self.namespace
        return spec

    def find_distributions(self, context: object = None) -> "Iterator[Distribution]":
        """Return the metadata of hydra-vertex: its version, and the entry points that Lightning loads."""
        from importlib.metadata import PathDistribution
        from pathlib import Path

        is_asked = getattr(context, "name", None) in (None, "hydra-vertex", "hydra_vertex")
        return iter([PathDistribution(Path(self.metadata))] if is_asked and self.metadata else [])


class HypertuneFinder(object):  # noqa: UP004 - read by any Python
    """A finder for `hypertune` alone. It comes last, so that the environment's own one is preferred."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def find_spec(self, name: str, path: object = None, target: object = None) -> "ModuleSpec | None":  # noqa: ARG002 - the protocol
        """Return the package `hypertune` in the folder."""
        if name != "hypertune":
            return None
        return importlib.machinery.PathFinder.find_spec(name, [self.folder])


def install(installation: "Installation") -> None:
    """Put the finders into `sys.meta_path`."""
    sys.meta_path.insert(0, InstallationFinder(installation))
    if installation["hypertune"] and os.path.isdir(installation["hypertune"]):  # noqa: PTH112 - without pathlib
        sys.meta_path.append(HypertuneFinder(installation["hypertune"]))
