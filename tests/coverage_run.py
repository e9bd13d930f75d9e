"""Runs tests and measures which lines of our packages run, in child processes too: `make coverage`.

    python tests/coverage_run.py [PYTEST ARGUMENT ...]

Much of the code runs in children: services, supervisors, steps, `hydra-trial`. Tests start many of them with an
environment of their own, so that no variable reaches them; a line in a .pth file of this environment starts the
measurement in every Python process while the tests run. Not seen are processes without `site` (`-S`, as the supervisors
are started) and those that are killed. The floor is `fail_under` in pyproject.toml.
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
"""Only the processes of this environment read it."""

NOT_MEASURED = (
    # The measurement changes what these say: which modules are loaded, how deep calls go, what is written to a disk.
    "--ignore=tests/test_imports.py",
    "--deselect=tests/trial/reporting/test_reporting.py::test_importing_the_function_costs_nothing",
    "--deselect=tests/launcher/files/test_yaml_form.py::test_a_document_that_is_not_small_and_plain_is_refused_in_one_line",
    "--ignore=tests/service/jobs/test_full_disk.py",
    "--deselect=tests/trial/reporting/test_line_append.py::test_a_line_that_has_no_room_leaves_the_file_as_it_was",
    "--deselect=tests/trial/test_hydra_trial.py::test_hydras_own_error_is_told_in_hydras_words_when_nothing_is_to_deliver",
    # They are long, or of other things, and run nothing of ours that others do not.
    "--ignore=tests/benchmarks",
    "--ignore=tests/release",
    "--ignore=tests/requirements",
    "--ignore=tests/service/api/test_fuzz.py",
    "--ignore=tests/test_image.py",
    "--ignore=tests/trainer",
    "--ignore=tests/trial/test_corpus.py",
)


def main(arguments: Sequence[str]) -> int:
    """The exit code: that of pytest, else 2 where the coverage is below its floor."""
    DATA.mkdir(parents=True, exist_ok=True)
    DATA.chmod(0o1777)  # some tests start processes of another user
    for file in DATA.glob("data*"):
        file.unlink()
    environ = {**os.environ, "COVERAGE_FILE": str(DATA / "data")}
    with measured_processes():
        tests = subprocess.run(
            [sys.executable, "-m", "pytest", *NOT_MEASURED, *arguments], cwd=ROOT, env=environ, check=False
        )
    if tests.returncode != 0:
        return tests.returncode
    run_coverage("combine", "--quiet", environ=environ)
    run_coverage("html", "--quiet", f"--directory={DATA / 'html'}", "--fail-under=0", environ=environ)
    return run_coverage("report", "--skip-covered", environ=environ)


@contextmanager
def measured_processes() -> Iterator[None]:
    """Every process of this environment is measured, from its start; the hook is removed at the end."""
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
