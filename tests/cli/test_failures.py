"""The message for a library that is not installed."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hydra_vertex.cli.failures import failure_of

ROOT = Path(__file__).resolve().parents[2]
PLACES = ("components/shared", "components/hpt_launcher", "pipelines")
BASE = {"hydra", "omegaconf", "yaml"}
"""What the base install has, with the libraries that hydra-core needs."""
OWN_MESSAGE = {"docker", "google_cloud_pipeline_components", "kubernetes", "urllib3"}
"""What has a message where it is imported; urllib3 is imported with docker and kubernetes only."""
ELSEWHERE = {"cryptography", "tomli"}
"""What only tests of an endpoint, and only Python 3.10, import."""
HIDING = """
import sys

for name in sys.argv[1].split(","):
    sys.modules[name] = None
from hydra_vertex.cli.main import main

sys.exit(main(["mcp"]))
"""


def imported() -> set[str]:
    """Return the top-level names of the other projects' modules that the source imports."""
    names = {
        name.partition(".")[0]
        for place in PLACES
        for path in (ROOT / place / "hydra_vertex").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in names_in(node)
    }
    return names - set(sys.stdlib_module_names) - {"hydra_vertex"}


def names_in(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(module=str(module), level=0):
            yield module


@pytest.mark.parametrize("library", sorted(imported() - BASE - OWN_MESSAGE - ELSEWHERE))
def test_a_library_that_is_not_installed_is_named_with_its_extra(library: str) -> None:
    failure = failure_of(ModuleNotFoundError(name=f"{library}.part"))

    assert failure is not None
    assert failure.exit_code == 2
    assert failure.message.startswith(f"{library}.part is not installed; pip install 'hydra-vertex[")


@pytest.mark.parametrize("hidden", ["anyio,mcp,mcp_types", "mcp"])
def test_the_server_of_tools_names_its_extra_in_one_line(tmp_path: Path, hidden: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", HIDING, hidden], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )

    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert "not installed; pip install 'hydra-vertex[mcp]'" in ended.stderr
