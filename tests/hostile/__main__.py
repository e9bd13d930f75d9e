"""Runs tests in unusual environments: `make hostile`.

    python -m hostile [-k NAME ...] [--keep] [-- PYTEST ARGUMENT ...]

tests/conftest.py sets a known environment for the tests, so that all of them must pass. With --keep it does not change
the environment: a failure then shows a test, or code of hydra-vertex, that depends on the environment.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from hostile.environments import ENVIRONMENTS, Environment

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 1800
TESTS = (
    "tests/cli/test_main.py",
    "tests/launcher/report/test_report.py",
    "tests/launcher/study",
    "tests/pipelines/local",
    "tests/pipelines/test_submit.py",
    "tests/protocol",
    "tests/service/api/test_google_client.py",
    "tests/service/devices",
    "tests/service/system",
    "tests/service/test_start.py",
    "tests/service/trials",
    "tests/trainer",
    "tests/trial/process",
    "tests/trial/reporting",
    "tests/trial/test_hydra_trial.py",
)


def main(words: Sequence[str]) -> int:
    """Run the tests. Returns the exit code: 1 when a test failed in one of the environments."""
    own, others = split(words)
    parser = argparse.ArgumentParser(prog="hostile", description="Runs tests in unusual environments.")
    parser.add_argument("-k", metavar="NAME", nargs="*", default=list(ENVIRONMENTS), choices=list(ENVIRONMENTS))
    parser.add_argument("--keep", action="store_true", help="tests/conftest.py does not change the environment")
    chosen = parser.parse_args(own)
    failed = [name for name in chosen.k if not passes(name, ENVIRONMENTS[name], chosen.keep, others or TESTS)]
    print(
        f"hostile: {len(chosen.k) - len(failed)} passed, {len(failed)} failed" + "".join(f" {name}" for name in failed)
    )
    return 1 if failed else 0


def split(words: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Split the arguments into those before and those after `--`."""
    at = list(words).index("--") if "--" in words else len(words)
    return list(words[:at]), tuple(words[at + 1 :])


def passes(name: str, environment: Environment, keep: bool, tests: Sequence[str]) -> bool:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hydra-vertex-hostile-") as folder:
        environ = environment.environ(Path(folder)) | ({"KEEP_ENVIRONMENT": "1"} if keep else {})
        command = [*environment.wrapper, sys.executable, "-m", "pytest", "-q", "-pno:cacheprovider", *tests]
        ended = subprocess.run(
            command,
            cwd=ROOT,
            env=environ,
            umask=environment.umask,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=LIMIT_S,
            check=False,
        )
    lines = ended.stdout.splitlines()
    found = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    last = lines[-1] if lines else ""
    print(f"{name}: {'passed' if ended.returncode == 0 else 'FAILED'}; {last} ({time.monotonic() - began:.0f} s)")
    print(*(f"    {line}" for line in found), sep="\n", end="\n" if found else "", flush=True)
    if ended.returncode != 0 and "HOSTILE_LOGS" in os.environ:
        Path(os.environ["HOSTILE_LOGS"], f"{name}.log").write_text(ended.stdout)
    return ended.returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
