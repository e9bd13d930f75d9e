"""Measures the line coverage of the tests, child processes included: `make coverage`.

    python tests/coverage_run.py [--every-test | --then-others] [PYTEST ARGUMENT ...]

Measured tests take twice the time, so the long ones are left out. `--every-test` measures them too. `--then-others`, as
in CI, runs the tests that are left out afterwards, without measurement.

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
LONG = (
    "tests/benchmarks",
    "tests/cli/test_full_disk.py",
    "tests/cli/test_kills.py",
    "tests/cli/test_run.py",
    "tests/cli/test_secrets.py",
    "tests/cli/test_terminal.py",
    "tests/examples",
    "tests/launcher/faults",
    "tests/launcher/search_space/test_app_part.py::test_any_values_compose_as_in_plain_hydra_or_are_refused",
    "tests/release",
    "tests/requirements",
    "tests/service/api/test_fuzz.py",
    "tests/service/api/test_grpc_connections.py",
    "tests/service/devices/test_placed_trials.py",
    "tests/service/engine/test_kills.py",
    "tests/service/engine/test_recovery.py",
    "tests/service/trials/engines/docker",
    "tests/service/trials/engines/process",
    "tests/service/trials/engines/slurm/test_kills.py",
    "tests/service/jobs/test_lost_database.py",
    "tests/service/stopping/test_early_stopping.py",
    "tests/service/test_throttled_log.py",
    "tests/test_docstrings.py",
    "tests/test_containers.py",
    "tests/test_image.py",
    "tests/trainer",
    "tests/trial/command",
    "tests/trial/config/test_quoting.py",
    "tests/trial/overrides/test_alternatives.py",
    "tests/trial/overrides/test_delivery.py",
    "tests/trial/process",
    "tests/trial/test_differential.py",
    "tests/trial/reporting/test_lightning_monitor.py",
    "tests/trial/reporting/test_record_index.py",
    "tests/trial/test_corpus.py",
    "tests/trial/test_log.py",
)
"""Files, folders and single tests that take long for the lines that only they run."""

EVERY_TEST = "--every-test"
THEN_OTHERS = "--then-others"


def main(arguments: Sequence[str]) -> int:
    """Run the tests and print the coverage. Returns the exit code of pytest; 2 if the coverage is below its floor."""
    options = [argument for argument in arguments if argument not in {EVERY_TEST, THEN_OTHERS}]
    others = CHANGED_BY_MEASUREMENT if EVERY_TEST in arguments else (*CHANGED_BY_MEASUREMENT, *LONG)
    codes = [measure(options, others)]
    if THEN_OTHERS in arguments:
        codes.append(run_pytest(*options, *others, environ=dict(os.environ)))
    return max(codes)


def measure(options: Sequence[str], left_out: Sequence[str]) -> int:
    """Run the tests except those that are left out, and print the coverage."""
    DATA.mkdir(parents=True, exist_ok=True)
    DATA.chmod(0o1777)  # some tests start processes of another user
    for file in DATA.glob("data*"):
        file.unlink()
    environ = {**os.environ, "COVERAGE_FILE": str(DATA / "data")}
    exclusions = (f"--{'deselect' if '::' in name else 'ignore'}={name}" for name in left_out)
    with measured_processes():
        code = run_pytest(*exclusions, *options, environ=environ)
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
