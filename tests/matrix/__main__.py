"""Runs tests on the supported Pythons and library versions: `make matrix`.

Each row (see rows.py) gets a new environment with the wheel. A row whose Python is not on this machine is skipped.
`make matrix ROWS="launching 3.13"` runs only the rows whose description contains all of these words, and `ROWS=--ends`
only those at the ends of the ranges.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from matrix.environments import ROOT, CommandError, build_wheel, find_interpreter, new_environment, run
from matrix.rows import ROWS, Row

AT_A_TIME = 2
ENDS = "--ends"
SHOWN = ("hydra-core", "omegaconf", "google-cloud-aiplatform", "kfp", "optuna")


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a row. `failed` is False for a skipped row; `lines` are printed."""

    row: Row
    failed: bool
    ran: bool
    lines: tuple[str, ...]


def main(words: Sequence[str]) -> int:
    """Run the rows whose description contains all of `words`. Returns 1 when a row fails or none runs."""
    names = [word for word in words if word != ENDS]
    rows = [row for row in ROWS if all(name in str(row) for name in names) and not (row.between and ENDS in words)]
    with tempfile.TemporaryDirectory(prefix="hydra-vertex-matrix-") as folder:
        wheel = build_wheel(Path(folder))
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            jobs = [pool.submit(run_row, row, wheel, Path(folder, str(place))) for place, row in enumerate(rows)]
            results = [job.result() for job in jobs if print_result(job.result())]
    failed = sum(result.failed for result in results)
    ran = sum(result.ran for result in results)
    print(f"matrix: {ran - failed} rows passed, {failed} failed, {len(results) - ran} skipped")
    return 1 if failed or not ran else 0


def print_result(result: Result) -> bool:
    print(result.row, *result.lines, sep="\n    ", flush=True)
    return True


def run_row(row: Row, wheel: Path, folder: Path) -> Result:
    interpreter = find_interpreter(row.python)
    if interpreter is None:
        return Result(row, False, False, (f"skipped: no working python{row.python} on PATH or in pyenv",))
    began = time.monotonic()
    try:
        python = new_environment(row, interpreter, wheel, folder)
        ready = time.monotonic()
        output = run_tests(row, python, folder)
    except CommandError as error:
        return Result(row, True, True, tuple(str(error).splitlines()[-60:]))
    seconds = f"{ready - began:.0f} s to install, {time.monotonic() - ready:.0f} s to test"
    skips = [line for line in output.splitlines() if line.startswith("SKIPPED")]
    missed = [line for line in skips if row.must_run and row.must_run in line]
    return Result(row, bool(missed), True, (f"{counts(output)}; {seconds}; {versions(python)}", *skips))


def run_tests(row: Row, python: Path, folder: Path) -> str:
    """Run the tests of the checkout on the installed wheel. Child processes ignore the same warnings as pytest."""
    options = [f"--basetemp={folder / 'tests'}", "-pno:cacheprovider", "-q"]
    filters = [f"ignore:{beginning}" for beginning in row.ignored]
    paths = [path for path in row.tests if (ROOT / path.split("::")[0]).exists()]
    environ = {**os.environ, "PYTHONWARNINGS": ",".join(filters)}
    return run(python, "-m", "pytest", *options, *(f"-W{text}" for text in filters), *paths, environ=environ)


def counts(output: str) -> str:
    found = re.findall(r"^=*\s*(\d+ passed.*?) in [\d.]+s", output, re.MULTILINE)
    return found[-1] if found else "no test ran"


def versions(python: Path) -> str:
    code = (
        "import platform, sys; from importlib.metadata import distributions;"
        "found = {d.metadata['Name'].lower(): d.version for d in distributions()};"
        "print('Python', platform.python_version(), *(f'{n} {found[n]}' for n in sys.argv[1:] if n in found), sep=', ')"
    )
    return run(python, "-c", code, *SHOWN).strip().replace("Python, ", "Python ")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
