"""New environments of the matrix, each on its own Python, filled by uv with what a row asks for and our wheel."""

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
    """A command of a row ended badly; its text is what the command printed."""


def find_interpreter(version: str) -> Path | None:
    """The first that starts and is of that version: a name on PATH may be a shim with nothing behind it."""
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
    """The interpreter of a new environment in `folder`. Our own requirements are given as such: only so can uv take the
    lowest version of each."""
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
    """The uv of the environment that runs the matrix."""
    return Path(sys.executable).parent / "uv"


def run(*command: str | Path, environ: dict[str, str] | None = None) -> str:
    """Its stdout. Raises CommandError with all it printed when it ends badly or too late."""
    words = [str(part) for part in command]
    try:
        ended = subprocess.run(
            words, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=TIME_LIMIT_S
        )
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"{' '.join(words)}: not done in {TIME_LIMIT_S} s") from error
    if ended.returncode != 0:
        raise CommandError(f"{' '.join(words)}: exit code {ended.returncode}\n{ended.stdout}\n{ended.stderr}")
    return ended.stdout
