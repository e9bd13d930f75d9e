"""Measures the line coverage of the tests, child processes included: `make coverage`.

    python tests/coverage_run.py [--every-test] [PYTEST ARGUMENT ...]

The measured tests take half as much time again. The tests of NOT_MEASURED are left out; with `--every-test`, as in CI,
they run afterwards, without measurement.

Much of the code runs in child processes: services, supervisors, steps, `hydra-trial`. Tests start many of them with a
separate environment, so variables cannot start the measurement; a .pth file in this environment starts it in every
Python process during the tests. Not measured are processes without `site` (`-S`, used for the supervisors) and killed
processes. The lower limit is `fail_under` in pyproject.toml.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = ROOT / "pyproject.toml"
DATA = ROOT / "build" / "coverage"
HOOK = Path(sysconfig.get_path("purelib"), "hydra_vertex_coverage.pth")
"""Read only by the Python processes of this environment."""

CHANGED_BY_MEASUREMENT = (
    # The loaded modules, the depth of calls, the data written to a disk.
    "tests/test_imports.py",
    "tests/trial/reporting/test_reporting.py::test_importing_the_function_imports_no_other_module",
    "tests/launcher/files/test_yaml_form.py::test_a_document_that_is_not_small_and_plain_is_refused_in_one_line",
    "tests/service/jobs/test_full_disk.py",
    "tests/trial/reporting/test_line_append.py::test_a_line_without_space_leaves_the_file_unchanged",
    "tests/trial/test_hydra_trial.py::test_without_parameters_hydras_own_error_is_printed_unchanged",
)
ADDS_NO_LINES = (
    # These take long, or test other things, and run few lines of the packages that other tests do not run.
    "tests/benchmarks",
    "tests/cli/test_full_disk.py",
    "tests/cli/test_kills.py",
    "tests/cli/test_terminal.py",
    "tests/release",
    "tests/requirements",
    "tests/service/api/test_fuzz.py",
    "tests/service/engine/test_kills.py",
    "tests/test_image.py",
    "tests/trainer",
    "tests/trial/test_corpus.py",
)
NOT_MEASURED = (*CHANGED_BY_MEASUREMENT, *ADDS_NO_LINES)
"""Files, folders and single tests, as pytest takes them."""

EVERY_TEST = "--every-test"


def main(arguments: Sequence[str]) -> int:
    """Run the tests and print the coverage. Returns the exit code of pytest; 2 if the coverage is below its floor."""
    options = [argument for argument in arguments if argument != EVERY_TEST]
    codes = [measure(options)]
    if EVERY_TEST in arguments:
        codes.append(run_pytest(*options, *NOT_MEASURED, environ=dict(os.environ)))
    return max(codes)


def measure(options: Sequence[str]) -> int:
    """Run the measured tests and print the coverage."""
    DATA.mkdir(parents=True, exist_ok=True)
    DATA.chmod(0o1777)  # some tests start processes of another user
    for file in DATA.glob("data*"):
        file.unlink()
    environ = {**os.environ, "COVERAGE_FILE": str(DATA / "data")}
    left_out = (f"--{'deselect' if '::' in name else 'ignore'}={name}" for name in NOT_MEASURED)
    with measured_processes():
        code = run_pytest(*left_out, *options, environ=environ)
    if code != 0:
        return code
    run_coverage("combine", "--quiet", environ=environ)
    run_coverage("html", "--quiet", f"--directory={DATA / 'html'}", "--fail-under=0", environ=environ)
    return run_coverage("report", "--skip-covered", environ=environ)


def run_pytest(*arguments: str, environ: dict[str, str]) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, env=environ, check=False).returncode


@contextmanager
def measured_processes() -> Iterator[None]:
    """Measure every process of this environment from its start; remove the hook at the end."""
    settings = {"COVERAGE_FILE": str(DATA / "data"), "COVERAGE_PROCESS_START": str(SETTINGS)}
    names = "; ".join(f"os.environ.setdefault({name!r}, {text!r})" for name, text in settings.items())
    HOOK.write_text(f"import os, coverage; {names}; coverage.process_startup()\n", encoding="utf-8")
    try:
        yield
    finally:
        HOOK.unlink()


def run_coverage(*arguments: str, environ: dict[str, str]) -> int:
    command = [sys.executable, "-m", "coverage", arguments[0], f"--rcfile={SETTINGS}", *arguments[1:]]
    return subprocess.run(command, cwd=ROOT, env=environ, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
