"""Who may import whom. The folder tree is the architecture, and these are its doors."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import ROOT

PARTS = {
    "hydra_vertex.protocol": ROOT / "components/shared/hydra_vertex/protocol",
    "hydra_vertex.job": ROOT / "components/shared/hydra_vertex/job",
    "hydra_vertex.trial": ROOT / "components/hydra_trainer/hydra_vertex/trial",
    "hydra_vertex.launcher": ROOT / "components/hpt_launcher/hydra_vertex/launcher",
    "hydra_vertex.service": ROOT / "components/hpt_launcher/hydra_vertex/service",
    "hydra_vertex.pipelines": ROOT / "pipelines/hydra_vertex/pipelines",
    "hydra_vertex.cli": ROOT / "pipelines/hydra_vertex/cli",
}
ALLOWED_OF_OURS = {
    "hydra_vertex.protocol": (),
    "hydra_vertex.job": ("hydra_vertex.protocol",),
    "hydra_vertex.trial": ("hydra_vertex.protocol",),
    "hydra_vertex.launcher": ("hydra_vertex.protocol", "hydra_vertex.job"),
    "hydra_vertex.service": ("hydra_vertex.protocol", "hydra_vertex.job"),
    "hydra_vertex.pipelines": tuple(PARTS),
    "hydra_vertex.cli": tuple(PARTS),
}
ALLOWED_FOR = {
    "kfp": ("trial/component.py", "launcher/steps/component.py", "pipelines/hydra_vertex/pipelines/"),
    # service/api/google_messages.py imports messages without clients; the contract suite uses the clients.
    "google.cloud": (
        "launcher/study/client.py",
        "pipelines/submit.py",
        "service/api/google_messages.py",
        "service/contract/",
    ),
    "grpc": ("service/api/grpc_front.py", "service/contract/"),
    "google_cloud_pipeline_components": ("service/contract/",),
    "optuna": ("launcher/report/",),
    "scipy": ("service/optimizer/",),
    "threadpoolctl": ("service/optimizer/",),
    "hypertune": ("trial/reporting/",),
    "uvicorn": ("service/",),
    "starlette": ("service/",),
}
TRIAL_NEEDS = {"hydra", "omegaconf", "hypertune", "yaml"}


def modules(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.with_suffix("").parts
    parts = parts[parts.index("hydra_vertex") :]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> Iterator[str]:
    """Absolute names of everything a module imports, inside functions too."""
    package = module_name(path) if path.name == "__init__.py" else module_name(path).rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.rsplit(".", node.level - 1)[0] if node.level > 1 else package
                base = f"{above}.{base}".rstrip(".")
            yield from (f"{base}.{alias.name}" for alias in node.names)


def is_below(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}.")


ALL = [(part, path) for part, folder in PARTS.items() for path in modules(folder)]


def test_every_part_has_modules_to_check() -> None:
    assert all(len(modules(folder)) > 3 for folder in PARTS.values())


@pytest.mark.parametrize(("part", "path"), ALL, ids=[module_name(path) for _, path in ALL])
def test_a_part_imports_only_the_parts_it_may(part: str, path: Path) -> None:
    allowed = (part, *ALLOWED_OF_OURS[part])
    ours = [name for name in imported(path) if is_below(name, "hydra_vertex")]

    assert [name for name in ours if not any(is_below(name, prefix) for prefix in allowed)] == []


@pytest.mark.parametrize(("part", "path"), ALL, ids=[module_name(path) for _, path in ALL])
def test_a_heavy_library_is_imported_only_where_it_has_its_door(part: str, path: Path) -> None:
    place = path.relative_to(ROOT).as_posix()
    for library, doors in ALLOWED_FOR.items():
        if any(is_below(name, library) for name in imported(path)) and "TYPE_CHECKING" not in path.read_text():
            assert any(door in place for door in doors), f"{place} imports {library}"


@pytest.mark.parametrize("path", modules(PARTS["hydra_vertex.trial"]), ids=module_name)
def test_the_trial_side_needs_hydra_and_hypertune_and_nothing_more(path: Path) -> None:
    import sys

    if path.name == "component.py":
        return
    tops = {name.split(".")[0] for name in imported(path)} - {"hydra_vertex"}

    assert tops - set(sys.stdlib_module_names) - TRIAL_NEEDS == set()


def test_the_import_name_is_a_namespace_without_an_init_of_its_own() -> None:
    assert not any(folder.with_name("__init__.py").exists() for folder in PARTS.values())


def test_the_sample_app_imports_nothing_of_ours() -> None:
    names = {name for path in (ROOT / "trainer").rglob("*.py") for name in imported_plainly(path)}

    assert "hydra" in names
    assert not names & {"hydra_vertex", "hypertune", "kfp", "optuna"}


def imported_plainly(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]
