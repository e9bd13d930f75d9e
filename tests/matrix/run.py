"""Runs the tests of the trial side on the Pythons and Hydras that it promises to work with: `make matrix`.

Each row gets a new environment with the wheel and what the trial side alone needs. The combination that the other
tests run on (see requirements/dev.txt) has no row. Combinations that cannot be, and so have no row either:

- Hydra 1.2 on Python 3.11 and newer: its own dataclasses have defaults that these Pythons refuse.
- Hydra 1.3 with OmegaConf 2.4, and Hydra 1.4 with an older one: each refuses the other in its requirements.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
AT_A_TIME = 2
TIME_LIMIT_S = 900
ALL = ("tests/trial",)
SOME = tuple(
    f"tests/trial/{name}.py"
    for name in (
        "command/test_main_module",
        "config/test_composition",
        "config/test_quoting",
        "overrides/test_delivery",
        "test_execution_whitelist",
        "test_hydra_trial",
        "test_third_party_apps",
    )
)
TOOLS = ("pytest>=9", "hypothesis>=6.150", "joblib>=1.4")

NEWEST_HYDRA_1_4 = "hydra-core>=1.4.0rc3,<1.5"
"""The specifier names a pre-release, so that pip takes the newest one."""
NEWEST_OMEGACONF_2_4 = "omegaconf>=2.4.1rc1,<2.5"

# Warnings of these versions about each other, or about what only newer versions make unnecessary; literal beginnings.
VERSION_BASE = ("The version_base parameter is deprecated",)  # Hydra 1.2 and 1.3 ask apps for what 1.4 deprecates
RESOLVERS = (  # Hydra 1.2 registers its resolvers, and sets one key of its own, as OmegaConf before 2.4 wants it
    "register_new_resolver() is deprecated",
    "Implicit conversion from Version to str at 'hydra.runtime.version_base'",
)


@dataclass(frozen=True, slots=True)
class Row:
    """`tests` are pytest's arguments; `ignored` the beginnings of warnings that are not ours to change."""

    python: str
    hydra: str
    omegaconf: str
    tests: tuple[str, ...] = SOME
    ignored: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"Python {self.python}, {self.hydra}, {self.omegaconf}, {'all' if self.tests == ALL else 'some'} tests"


# The long rows first, so that two at a time end together.
ROWS = (
    Row("3.10", "hydra-core==1.2.0", "omegaconf==2.2.3", ALL),
    Row("3.13", NEWEST_HYDRA_1_4, NEWEST_OMEGACONF_2_4, ALL, VERSION_BASE),
    Row("3.13", "hydra-core==1.3.8", "omegaconf==2.3.1", ALL),
    Row("3.10", "hydra-core==1.2.0", "omegaconf==2.3.1"),
    Row("3.10", "hydra-core==1.2.0", "omegaconf==2.4.0", ignored=RESOLVERS),
    Row("3.10", "hydra-core==1.3.2", "omegaconf==2.2.3"),
    Row("3.10", NEWEST_HYDRA_1_4, NEWEST_OMEGACONF_2_4, ignored=VERSION_BASE),
    Row("3.11", "hydra-core==1.3.0", "omegaconf==2.2.3"),
    Row("3.11", NEWEST_HYDRA_1_4, NEWEST_OMEGACONF_2_4, ignored=VERSION_BASE),
    Row("3.12", "hydra-core==1.3.2", "omegaconf==2.3.1"),
    Row("3.12", NEWEST_HYDRA_1_4, NEWEST_OMEGACONF_2_4, ignored=VERSION_BASE),
)


@dataclass(frozen=True, slots=True)
class Result:
    """`failed` is False for a row that was skipped; `lines` are for the person who reads the log."""

    row: Row
    failed: bool
    ran: bool
    lines: tuple[str, ...]


class CommandError(Exception):
    """A command of a row ended badly; its text is what the command printed."""


def main(names: Sequence[str]) -> int:
    """Run the rows whose description holds all of `names`. The exit code: 1 when a row fails or none runs."""
    rows = [row for row in ROWS if all(name in str(row) for name in names)]
    with tempfile.TemporaryDirectory(prefix="hydra-vertex-matrix-") as folder:
        wheel, pip = build_wheel(Path(folder)), new_pip(Path(folder, "pip"))
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            jobs = [
                pool.submit(run_row, row, wheel, pip, Path(folder, str(position))) for position, row in enumerate(rows)
            ]
            results = [job.result() for job in jobs if print_result(job.result())]
    failed = sum(result.failed for result in results)
    ran = sum(result.ran for result in results)
    print(f"matrix: {ran - failed} rows passed, {failed} failed, {len(results) - ran} skipped")
    return 1 if failed or not ran else 0


def print_result(result: Result) -> bool:
    print(result.row, *result.lines, sep="\n    ", flush=True)
    return True


def run_row(row: Row, wheel: Path, pip: Path, folder: Path) -> Result:
    interpreter = find_interpreter(row.python)
    if interpreter is None:
        return Result(row, False, False, (f"skipped: no python{row.python} on PATH that starts, and none of pyenv",))
    began = time.monotonic()
    try:
        python = new_environment(row, interpreter, wheel, pip, folder)
        ready = time.monotonic()
        output = run_tests(row, python, folder)
    except CommandError as error:
        return Result(row, True, True, tuple(str(error).splitlines()[-60:]))
    seconds = f"{ready - began:.0f} s to install, {time.monotonic() - ready:.0f} s to test"
    skips = [line for line in output.splitlines() if line.startswith("SKIPPED")]
    return Result(row, False, True, (f"{counts(output)}; {seconds}; {versions(python)}", *skips))


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


def new_pip(folder: Path) -> Path:
    """The interpreter of a pip that can fill environments of every Python here, newer ones than its own too."""
    run(sys.executable, "-m", "venv", folder)
    python = folder / "bin" / "python"
    run(python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "pip>=25")
    return python


def new_environment(row: Row, interpreter: Path, wheel: Path, pip: Path, folder: Path) -> Path:
    """Filled from outside: the pip that comes with an old Python would build what is in the cache."""
    run(interpreter, "-m", "venv", "--without-pip", folder)
    python = folder / "bin" / "python"
    command = (pip, "-m", "pip", "--disable-pip-version-check", "--python", python)
    run(*command, "install", "--quiet", "--use-pep517", wheel, row.hydra, row.omegaconf, *TOOLS)
    return python


def run_tests(row: Row, python: Path, folder: Path) -> str:
    """From the sources of the tests, on the installed wheel. Child processes ignore the same warnings as pytest."""
    options = [f"--basetemp={folder / 'tests'}", "-pno:cacheprovider", "-q"]
    filters = [f"ignore:{beginning}" for beginning in row.ignored]
    paths = [path for path in row.tests if (ROOT / path).exists()]
    environ = {**os.environ, "PYTHONWARNINGS": ",".join(filters)}
    return run(python, "-m", "pytest", *options, *(f"-W{text}" for text in filters), *paths, environ=environ)


def counts(output: str) -> str:
    found = re.findall(r"^=*\s*(\d+ passed.*?) in [\d.]+s", output, re.MULTILINE)
    return found[-1] if found else "no test ran"


def versions(python: Path) -> str:
    code = (
        "import platform; from importlib.metadata import version as v;"
        "print('Python', platform.python_version(), 'Hydra', v('hydra-core'), 'OmegaConf', v('omegaconf'))"
    )
    return run(python, "-c", code).strip()


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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
