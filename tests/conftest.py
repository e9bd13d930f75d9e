"""Configuration of the whole suite: import path, known environment, signal handlers, `print`."""

from __future__ import annotations

import builtins
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

sys.path.insert(0, str(ROOT / "tests"))

from known_environment import make_known  # noqa: E402 - found by the line above
from nightly import for_this_run  # noqa: E402 - found by the line above

make_known()

# A shell starts background commands with some signals ignored, and every child process would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_SETMASK, ())

LONGEST = (
    "tests/cli/test_kills.py",
    "tests/cli/test_engine_docker.py",
    "tests/service/trials/engines/docker/test_engine.py",
    "tests/service/trials/engines/docker/test_contract.py",
    "tests/trial/test_corpus.py",
    "tests/trial/test_hydra_trial.py",
    "tests/cli/test_main.py",
    "tests/cli/test_run.py",
    "tests/launcher/steps/test_tune.py",
    "tests/pipelines/local/test_own_pipeline.py",
    "tests/trial/test_log.py",
    "tests/cli/test_json.py",
    "tests/cli/mcp/test_server.py",
    "tests/trial/test_differential.py",
    "tests/docs/test_commands_run.py",
    "tests/test_image.py",
    "tests/test_containers.py",
    "tests/cli/test_full_disk.py",
    "tests/launcher/best/test_best_trial.py",
    "tests/trainer/test_train_script.py",
    "tests/launcher/steps/test_confirm.py",
    "tests/cli/test_confirm_options.py",
    "tests/examples/test_examples.py",
    "tests/cli/sweeper/test_vertex_sweep.py",
    "tests/trial/reporting/test_lightning_monitor.py",
)
"""Files that take 40 s and more, the longest first."""


_PRINT = builtins.print


@pytest.fixture(autouse=True)
def _print_is_not_left_replaced() -> Iterator[None]:
    """Fail the test that leaves `print` replaced, as kfp does: the later tests of this process would print so."""
    yield
    left, builtins.print = builtins.print, _PRINT
    assert left is _PRINT


@pytest.fixture(autouse=True)
def _no_signal_stays_ignored_or_blocked() -> Iterator[None]:
    """Fail the test that leaves a signal ignored or blocked: the children of all later tests would inherit it."""
    yield
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()
    assert signal.SIG_IGN not in {
        signal.getsignal(number) for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
    }


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run the longest files first: a file runs in one process, and the others would wait for the last one."""
    places = {ROOT / name: place for place, name in enumerate(LONGEST)}
    items[:] = for_this_run(items, config)
    items.sort(key=lambda item: places.get(item.path, len(places)))
