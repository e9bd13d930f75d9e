"""Checks the imports between folders against the tables in docs/architecture.md."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

from conftest import ROOT

ARCHITECTURE = ROOT / "docs/architecture.md"
PLACES = ("components/shared", "components/hydra_trainer", "components/hpt_launcher", "pipelines")
TRIAL_NEEDS = {"hydra", "omegaconf", "hypertune", "yaml"}
"""The top-level modules that the trial side may import, besides the standard library."""
NAMESPACE = "hydra_vertex"


def table(header: str) -> dict[tuple[str, ...], str]:
    """Return the table with this header: the names in the first column, and the text of the last column."""
    lines = iter(ARCHITECTURE.read_text().splitlines())
    next(line for line in lines if line.startswith(header))
    next(lines)
    rows = {}
    for line in lines:
        if not line.startswith("|"):
            break
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        rows[tuple(names(cells[0]))] = cells[-1]
    return rows


def names(cell: str) -> list[str]:
    return re.findall(r"`([\w.*]+)`", cell)


ROOMS = {name: allowed for names_, allowed in table("| room |").items() for name in names_}
LIBRARIES = {name: names(importers) for (name,), importers in table("| library |").items()}


@cache
def modules() -> dict[str, Path]:
    """Return every module's path by its name below the namespace."""
    found = {}
    for place in PLACES:
        for path in (ROOT / place / NAMESPACE).rglob("*.py"):
            parts = path.relative_to(ROOT / place / NAMESPACE).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def folder_of(module: str) -> str:
    return module if modules()[module].name == "__init__.py" else module.rpartition(".")[0]


def room_of(module: str) -> str:
    """Return the row that covers a module: its own, or that of its folder."""
    return module if module in ROOMS else folder_of(module)


def imports(module: str, *, with_types: bool) -> Iterator[str]:
    """Yield the absolute names of a module's imports, also in functions; `with_types` includes `if TYPE_CHECKING`."""
    path = modules()[module]
    package = f"{NAMESPACE}.{folder_of(module)}"
    for node in nodes(ast.parse(path.read_text()), with_types=with_types):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.rsplit(".", node.level - 1)[0] if node.level > 1 else package
            base = f"{above}.{node.module or ''}".rstrip(".") if node.level else node.module or ""
            yield from (f"{base}.{alias.name}" for alias in node.names)


def nodes(tree: ast.AST, *, with_types: bool) -> Iterator[ast.AST]:
    """Yield all nodes; unless `with_types`, without the bodies of `if TYPE_CHECKING:`."""
    for node in ast.iter_child_nodes(tree):
        if not with_types and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        yield from nodes(node, with_types=with_types)


def imported_modules(module: str) -> set[str]:
    """Return the hydra_vertex modules that a module imports."""
    found = set()
    for name in imports(module, with_types=True):
        own = name.removeprefix(f"{NAMESPACE}.")
        if own != name:
            while own and own not in modules():
                own = own.rpartition(".")[0]
            found.add(own)
    return found - {""}


def is_below(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}.")


def covers(pattern: str, room: str) -> bool:
    return is_below(room, pattern.removesuffix(".*")) if pattern.endswith(".*") else room == pattern


def may_import(importer: str, module: str) -> bool:
    """Whether a module may import another one: both are in the same folder, or the other's row allows it."""
    room = room_of(module)
    if folder_of(importer) == folder_of(module) or ROOMS[room] == "everyone":
        return True
    own_rooms = {room_of(importer), folder_of(importer)}
    return any(covers(pattern, own) for pattern in names(ROOMS[room]) for own in own_rooms)


def test_every_folder_has_a_row_and_every_row_a_folder_or_module() -> None:
    folders = {folder_of(module) for module in modules()}
    assert len(folders) > 20
    assert sorted(folders - ROOMS.keys()) == []
    assert sorted(ROOMS.keys() - folders - modules().keys()) == []


def test_the_importers_in_every_row_are_rows_themselves() -> None:
    for room, allowed in ROOMS.items():
        patterns = names(allowed)
        assert patterns or allowed in {"everyone", "nobody"}, room
        assert [pattern for pattern in patterns if pattern.removesuffix(".*") not in ROOMS] == []


@pytest.mark.parametrize("module", sorted(modules()))
def test_a_module_imports_only_what_the_table_allows(module: str) -> None:
    assert sorted(other for other in imported_modules(module) if not may_import(module, other)) == []


def test_every_allowed_import_is_used() -> None:
    """The table lists only existing imports, not possible ones."""
    used = {
        (room_of(other), place)
        for module in modules()
        for other in imported_modules(module)
        for place in (room_of(module), folder_of(module))
    }
    unused = [
        (room, pattern)
        for room, allowed in ROOMS.items()
        for pattern in names(allowed)
        if not any(entered == room and covers(pattern, place) for entered, place in used)
    ]
    assert unused == []


def test_there_is_no_import_cycle_between_rooms() -> None:
    arrows: dict[str, set[str]] = {}
    for module in modules():
        for other in imported_modules(module):
            if folder_of(module) != folder_of(other):
                arrows.setdefault(room_of(module), set()).add(room_of(other))
    assert on_cycles({room_of(module) for module in modules()}, arrows) == []


def test_there_is_no_import_cycle_between_modules() -> None:
    arrows = {module: set(imported_modules(module)) for module in modules()}
    assert on_cycles(set(modules()), arrows) == []


def on_cycles(nodes: set[str], arrows: dict[str, set[str]]) -> list[str]:
    """Return the nodes that are on a cycle of arrows or lead to one, sorted."""
    left = set(nodes)
    while leaves := {node for node in left if not arrows.get(node, set()) & left}:
        left -= leaves
    return sorted(left)


@pytest.mark.parametrize("module", sorted(modules()))
def test_a_heavy_library_is_imported_only_where_the_table_allows(module: str) -> None:
    used = [name for name in LIBRARIES if any(is_below(found, name) for found in imports(module, with_types=False))]
    for library in used:
        allowed = LIBRARIES[library]
        assert any(covers(importer, place) for importer in allowed for place in (module, folder_of(module))), library


@pytest.mark.parametrize("module", sorted(name for name in modules() if name.split(".")[0] in {"trial", "protocol"}))
def test_the_trial_side_depends_only_on_hydra_and_hypertune(module: str) -> None:
    if module == "trial.component":
        return
    tops = {name.split(".")[0] for name in imports(module, with_types=True)} - {NAMESPACE}
    assert tops - set(sys.stdlib_module_names) - TRIAL_NEEDS == set()


def test_the_import_name_is_a_namespace_package_without_init_file() -> None:
    assert not any((ROOT / place / NAMESPACE / "__init__.py").exists() for place in PLACES)


PLUGIN = sorted((ROOT / "pipelines/hydra_plugins").rglob("*.py"))
_SWEEP = "hydra_vertex.cli.sweeper"


@pytest.mark.parametrize("path", PLUGIN, ids=lambda path: path.stem)
def test_the_sweeper_plugin_which_every_app_loads_imports_only_hydra(path: Path) -> None:
    tree = ast.parse(path.read_text())
    tops = {name.split(".")[0] for name in imported_names(tree.body)}
    assert tops - set(sys.stdlib_module_names) - {"hydra", "omegaconf"} == set()
    names = set(imported_names(ast.walk(tree)))
    assert all(is_below(name, _SWEEP) for name in names if is_below(name, NAMESPACE))


def test_the_import_name_of_plugins_is_a_namespace_package_without_init_file() -> None:
    assert [path.stem for path in PLUGIN] == ["__init__", "config", "vertex_sweeper"]
    assert not (ROOT / "pipelines/hydra_plugins/__init__.py").exists()


def imported_names(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_the_sample_app_imports_no_hydra_vertex_module() -> None:
    found = {name for path in (ROOT / "trainer").rglob("*.py") for name in imported_plainly(path)}
    assert "hydra" in found
    assert not found & {NAMESPACE, "hypertune", "kfp", "optuna"}


def imported_plainly(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]
