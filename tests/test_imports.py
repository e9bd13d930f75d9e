"""Who may import whom: the tables of docs/architecture.md, held against the tree."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from conftest import ROOT

ARCHITECTURE = ROOT / "docs/architecture.md"
PLACES = ("components/shared", "components/hydra_trainer", "components/hpt_launcher", "pipelines")
TRIAL_NEEDS = {"hydra", "omegaconf", "hypertune", "yaml"}
"""What `hydra-vertex` brings into a training image, besides the standard library."""
NAMESPACE = "hydra_vertex"


def table(header: str) -> dict[tuple[str, ...], str]:
    """A table of the page by its header's line: the names in its first column, and the text of its last one."""
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
LIBRARIES = {name: names(doors) for (name,), doors in table("| library |").items()}


@cache
def modules() -> dict[str, Path]:
    """Every module by its name below the namespace."""
    found = {}
    for place in PLACES:
        for path in (ROOT / place / NAMESPACE).rglob("*.py"):
            parts = path.relative_to(ROOT / place / NAMESPACE).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def folder_of(module: str) -> str:
    return module if modules()[module].name == "__init__.py" else module.rpartition(".")[0]


def room_of(module: str) -> str:
    """The row that covers a module: its own, or its folder's."""
    return module if module in ROOMS else folder_of(module)


def imports(module: str, *, with_types: bool) -> Iterator[str]:
    """Absolute names of everything a module imports, inside functions too; `with_types` those for annotations alone."""
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
    """All nodes; unless `with_types`, without the bodies of `if TYPE_CHECKING:`."""
    for node in ast.iter_child_nodes(tree):
        if not with_types and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        yield from nodes(node, with_types=with_types)


def imported_modules(module: str) -> set[str]:
    """The modules of ours that a module imports."""
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


def may_enter(importer: str, module: str) -> bool:
    """Whether a module may import another one: from its own folder, or as the other's row allows."""
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


def test_every_row_says_who_may_enter_by_names_that_are_rows() -> None:
    for room, allowed in ROOMS.items():
        patterns = names(allowed)
        assert patterns or allowed in {"everyone", "nobody"}, room
        assert [pattern for pattern in patterns if pattern.removesuffix(".*") not in ROOMS] == []


@pytest.mark.parametrize("module", sorted(modules()))
def test_a_module_imports_only_from_rooms_that_it_may_enter(module: str) -> None:
    assert sorted(other for other in imported_modules(module) if not may_enter(module, other)) == []


def test_no_row_allows_what_nobody_does() -> None:
    """A door that is not used is closed: the table says what is, not what might be."""
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


def test_there_is_no_circle_of_rooms() -> None:
    arrows: dict[str, set[str]] = {}
    for module in modules():
        for other in imported_modules(module):
            if folder_of(module) != folder_of(other):
                arrows.setdefault(room_of(module), set()).add(room_of(other))
    assert on_circles({room_of(module) for module in modules()}, arrows) == []


def test_there_is_no_circle_of_modules() -> None:
    arrows = {module: set(imported_modules(module)) for module in modules()}
    assert on_circles(set(modules()), arrows) == []


def on_circles(nodes: set[str], arrows: dict[str, set[str]]) -> list[str]:
    """Return the nodes that are on a circle of arrows or lead to one, sorted."""
    left = set(nodes)
    while leaves := {node for node in left if not arrows.get(node, set()) & left}:
        left -= leaves
    return sorted(left)


@pytest.mark.parametrize("module", sorted(modules()))
def test_a_heavy_library_is_imported_only_where_it_has_its_door(module: str) -> None:
    used = [name for name in LIBRARIES if any(is_below(found, name) for found in imports(module, with_types=False))]
    for library in used:
        doors = LIBRARIES[library]
        assert any(covers(door, place) for door in doors for place in (module, folder_of(module))), library


@pytest.mark.parametrize("module", sorted(name for name in modules() if name.split(".")[0] in {"trial", "protocol"}))
def test_the_trial_side_needs_hydra_and_hypertune_and_nothing_more(module: str) -> None:
    if module == "trial.component":
        return
    tops = {name.split(".")[0] for name in imports(module, with_types=True)} - {NAMESPACE}
    assert tops - set(sys.stdlib_module_names) - TRIAL_NEEDS == set()


def test_the_import_name_is_a_namespace_without_an_init_of_its_own() -> None:
    assert not any((ROOT / place / NAMESPACE / "__init__.py").exists() for place in PLACES)


def test_the_sample_app_imports_nothing_of_ours() -> None:
    found = {name for path in (ROOT / "trainer").rglob("*.py") for name in imported_plainly(path)}
    assert "hydra" in found
    assert not found & {NAMESPACE, "hypertune", "kfp", "optuna"}


def imported_plainly(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]
