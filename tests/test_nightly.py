"""The list of the long tests that run at night only."""

from __future__ import annotations

import subprocess
import sys

from conftest import ROOT
from nightly import NIGHTLY


def test_each_entry_of_the_list_is_the_beginning_of_a_test_and_another_test_of_its_file_runs_always() -> None:
    files = sorted({entry.partition("::")[0] for entry in NIGHTLY})
    options = ("--collect-only", "-q", "-p", "no:cacheprovider")

    collected = [_collected(*options, *files, every=every) for every in ("1", "")]

    assert [entry for entry in NIGHTLY if not any(test.startswith(entry) for test in collected[0])] == []
    assert {test.partition("::")[0] for test in collected[1]} == set(files)
    assert not any(test.startswith(NIGHTLY) for test in collected[1])


def _collected(*arguments: str, every: str) -> list[str]:
    program = (
        f"import os, pytest; os.environ['EVERY_TEST'] = {every!r}; raise SystemExit(pytest.main({[*arguments]!r}))"
    )
    listed = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=300
    )
    return [line for line in listed.stdout.splitlines() if "::" in line]
