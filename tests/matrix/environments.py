"""Creates the environments of the matrix: a Python, the requirements of a row installed by uv, and the wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from matrix.rows import Row

ROOT = Path(__file__).resolve().parents[2]
TIME_LIMIT_S = 1800


class CommandError(Exception):
    """A command of a row failed; the text has the output of the command."""


def find_interpreter(version: str) -> Path | None:
    """Return the first interpreter of this version that starts: a name on PATH may be a shim without an interpreter."""
    return next((path for path in candidates(version) if is_version(path, version)), None)


def candidates(version: str) -> Iterator[Path]:
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        if found := shutil.which(f"python{version}", path=folder):
            yield Path(found)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"), reverse=True)


def is_version(python: Path, version: str) -> bool:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        return run(python, "-c", code).strip() == version
    except (CommandError, OSError):
        return False


def build_wheel(folder: Path) -> Path:
    run(sys.executable, "-m", "build", "--wheel", "--outdir", folder / "dist", ROOT)
    (wheel,) = folder.glob("dist/*.whl")
    return wheel


def new_environment(row: Row, interpreter: Path, wheel: Path, folder: Path) -> Path:
    """Create an environment in `folder` and return its interpreter.

    The requirements of pyproject.toml are passed as direct ones, because uv takes the lowest version only of those.
    """
    run(uv(), "venv", "--quiet", "--python", interpreter, folder)
    python = folder / "bin" / "python"
    install = (uv(), "pip", "install", "--quiet", "--python", python)
    extras = [f"--extra={extra}" for extra in row.extras]
    resolution = "lowest-direct" if row.oldest else "highest"
    wanted = (*row.requirements, *row.tools)
    run(*install, f"--resolution={resolution}", "--requirements", ROOT / "pyproject.toml", *extras, *wanted)
    run(*install, "--no-deps", wheel)
    return python


def uv() -> Path:
    """Return the uv of the environment that runs the matrix."""
    return Path(sys.executable).parent / "uv"


def run(*command: str | Path, environ: dict[str, str] | None = None) -> str:
    """Run a command and return its stdout. Raises CommandError with its output when it fails or times out."""
    words = [str(part) for part in command]
    try:
        ended = subprocess.run(
            words, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=TIME_LIMIT_S
        )
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"{' '.join(words)}: not finished in {TIME_LIMIT_S} s") from error
    if ended.returncode != 0:
        raise CommandError(f"{' '.join(words)}: exit code {ended.returncode}\n{ended.stdout}\n{ended.stderr}")
    return ended.stdout
