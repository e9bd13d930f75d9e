"""Environments for the steps that are Python functions (`@dsl.component`): this one, and the packages of the step.

Such a step's command installs its packages with pip and then runs `python3`. Here it does so in a virtual environment
of its own, which has this environment's packages too, so that nothing is installed into this one.
"""

from __future__ import annotations

import contextlib
import os
import site
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import UserError

PREPARATION_LIMIT_S = 1800.0
"""Limit of the installation of a step's packages, which may be several gigabytes."""

EXECUTOR = "kfp.dsl.executor_main"
"""The module of kfp that runs a step's function."""

_RUN = '"$program_path/ephemeral_component.py"'
"""What the script has that runs the function whose source is the next word of the command."""

_MISSING_MODULES = """
import ast, importlib.util, sys

def imports(node):
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Try):
            continue
        if isinstance(child, ast.Import):
            yield from (name.name for name in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module and not child.level:
            yield child.module
        yield from imports(child)

found = dict.fromkeys(name.split(".")[0] for name in imports(ast.parse(sys.stdin.read())))
print(*[name for name in found if importlib.util.find_spec(name) is None])
"""


def is_python_step(command: Sequence[str]) -> bool:
    """Whether a command runs a function whose source it has."""
    return any(EXECUTOR in word for word in command) and any(_RUN in word for word in command)


class PythonEnvironments:
    """The environments of a pipeline's steps, one for each list of packages."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[str, Path] = {}

    def prepare(self, step: str, command: Sequence[str]) -> None:
        """Install the packages of a step. Raises UserError when that fails, or when a module is missing then."""
        script = _install_script(command)
        if script not in self._made:
            self._made[script] = self._installed(step, script)
        source = command[next(at for at, word in enumerate(command) if _RUN in word) + 1]
        missing = self._run(script, [sys.executable, "-c", _MISSING_MODULES], source).stdout.split()
        if missing:
            raise UserError(
                f"the step {step} imports {', '.join(missing)}, which neither this environment nor its "
                "packages_to_install have; install it here, or add it there"
            )

    def variables(self, command: Sequence[str]) -> Mapping[str, str]:
        """Return the environment variables with which a step's command runs in its environment."""
        folder = self._made[_install_script(command)]
        places = [str(folder / "bin"), str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
        return {"PATH": os.pathsep.join(places), "VIRTUAL_ENV": str(folder)}

    def _installed(self, step: str, script: str) -> Path:
        folder = self._folder / str(len(self._made))
        _make_environment(folder)
        self._made[script] = folder
        if script:
            ended = self._run(script, ["sh", "-c", script, "true"])
            if ended.returncode != 0:
                lines = ended.stderr.strip().splitlines() or ["pip said nothing"]
                raise UserError(f"the step {step}: its packages cannot be installed here: {excerpt(lines[-1], 300)}")
        return folder

    def _run(self, script: str, command: list[str], text: str = "") -> subprocess.CompletedProcess[str]:
        variables = self.variables(["sh", "-c", script, "sh"] if script else [])
        if command[0] == sys.executable:
            command = [str(self._made[script] / "bin" / "python3"), *command[1:]]
        try:
            return subprocess.run(
                command,
                env={**os.environ, **variables},
                input=text,
                capture_output=True,
                text=True,
                check=False,
                timeout=PREPARATION_LIMIT_S,
            )
        except subprocess.TimeoutExpired as error:
            raise UserError(
                f"the packages of a @dsl.component step are not installed after {PREPARATION_LIMIT_S:g} s "
                f"({excerpt(script or 'no packages', 300)}); check the package index, or install them here beforehand"
            ) from error


@contextlib.contextmanager
def python_environments() -> Iterator[PythonEnvironments]:
    """Yield the environments of one run; their folder is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="hydra-vertex-steps-", ignore_cleanup_errors=True) as folder:
        yield PythonEnvironments(Path(folder))


def _install_script(command: Sequence[str]) -> str:
    """Return the part of a command that installs packages; empty for none."""
    return command[2] if list(command[:2]) == ["sh", "-c"] else ""


def _make_environment(folder: Path) -> None:
    """Make a virtual environment that has the packages of this one, which may be a virtual environment itself."""
    has_pip = find_spec("pip") is not None
    venv.EnvBuilder(with_pip=not has_pip, symlinks=True).create(folder)
    (packages,) = folder.glob("lib/python*/site-packages")
    own = [*site.getsitepackages(), *([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])]
    lines = [f"import site; site.addsitedir({place!r})" for place in own]
    (packages / "hydra_vertex_steps.pth").write_text("\n".join(lines) + "\n")
    if has_pip:
        # The command looks for a program of this name, and else installs pip.
        program = folder / "bin" / "pip"
        program.write_text('#!/bin/sh\nexec "$(dirname "$0")/python3" -m pip "$@"\n')
        program.chmod(0o755)
