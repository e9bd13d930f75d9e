"""Finds out from the source, before an app is run, that it cannot use Hydra."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions, requires
from pathlib import Path

from .app_command import Module, Script

_HYDRA = "hydra"
_DYNAMIC = ("importlib", "runpy", "subprocess", "multiprocessing", "exec", "__import__", "os.system", "pkg_resources")


def cannot_use_hydra(target: Script | Module, folder: Path) -> bool:
    """Whether the app is a file that reaches Hydra in no way that its source shows.

    False where that cannot be known: for a module, for imports at run time, and for an imported distribution that has
    no source here or that itself requires Hydra.
    """
    if not isinstance(target, Script):
        return False
    return not _may_use_hydra(folder / target.path, set())


def _may_use_hydra(file: Path, seen: set[Path]) -> bool:
    if file in seen:
        return False
    seen.add(file)
    try:
        text = file.read_text(encoding="utf-8")
        names = set(_imported(ast.parse(text)))
    except (OSError, ValueError, SyntaxError):
        return True
    if _HYDRA in text.lower() or any(word in text for word in _DYNAMIC):
        return True
    return any(_leads_to_hydra(name, file.parent, seen) for name in names)


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # A relative import is of a package, whose other files the folder below does not show.
            yield (node.module or "").partition(".")[0] if node.level == 0 else _HYDRA


def _leads_to_hydra(name: str, folder: Path, seen: set[Path]) -> bool:
    if name in sys.stdlib_module_names:
        return False
    if (folder / name).is_dir():
        return any(_may_use_hydra(file, seen) for file in (folder / name).rglob("*.py"))
    if (folder / f"{name}.py").is_file():
        return _may_use_hydra(folder / f"{name}.py", seen)
    distributions = packages_distributions().get(name)
    return distributions is None or any(_requires_hydra(d) for d in distributions)


def _requires_hydra(distribution: str) -> bool:
    needed = [line for line in requires(distribution) or () if "extra ==" not in line.replace("'", '"')]
    return distribution.startswith(_HYDRA) or any(line.startswith(_HYDRA) for line in needed)
