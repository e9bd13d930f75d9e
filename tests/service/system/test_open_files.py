"""The limit of open files: raised for the service, and the original one kept for its trials."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hydra_vertex.service.system.open_files import RAISED_LIMIT
from service.harness import serving

LOW = 800
"""Above the number of files that this process has open after other tests, below the usual limit of 1,024."""

RAISED = """
import json, resource
from hydra_vertex.service.system.open_files import original_file_limit, raise_file_limit
print(json.dumps([original_file_limit(), raise_file_limit(), raise_file_limit(), original_file_limit(),
                  resource.getrlimit(resource.RLIMIT_NOFILE)]))
"""


@contextmanager
def file_limit(soft: int) -> Iterator[int]:
    """Set a soft limit for this process and its children; yields the hard limit."""
    before, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard <= soft:
        pytest.skip(f"the hard limit is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    try:
        yield hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, hard))


def raised_from(hard: int) -> int:
    return RAISED_LIMIT if hard == resource.RLIM_INFINITY else min(hard, RAISED_LIMIT)


def test_the_limit_is_raised_once_and_the_original_one_is_remembered() -> None:
    with file_limit(LOW) as hard:
        done = subprocess.run([sys.executable, "-c", RAISED], capture_output=True, text=True, check=True)
    raised = raised_from(hard)
    assert json.loads(done.stdout) == [[LOW, hard], raised, raised, [LOW, hard], [raised, hard]]


def test_a_limit_that_cannot_be_raised_stays() -> None:
    lowered = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))" + RAISED
    done = subprocess.run([sys.executable, "-c", lowered], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [[200, 200], 200, 200, [200, 200], [200, 200]]


def test_a_service_raises_its_own_limit(studies: Path) -> None:
    with file_limit(LOW) as hard, serving(studies) as client:
        limits = Path(f"/proc/{client.service_pid}/limits").read_text()
    (line,) = [line for line in limits.splitlines() if line.startswith("Max open files")]
    assert line.split()[3] == str(raised_from(hard))
