"""Warnings of Hydra during hydra-trial's composition of the app's config."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from hydra import __version__

from trial.apps import TRAIN, run, trial, write_app


@pytest.fixture
def old_app(tmp_path: Path) -> Path:
    """An app with a config file that causes a warning of Hydra at each reading."""
    if __version__.startswith("1.4"):
        pytest.skip("Hydra 1.4 runs no app of Hydra 1.1, and warns of nothing else while it composes")
    train = TRAIN.replace("version_base=None", 'version_base="1.1"')
    return write_app(tmp_path, train, **{"conf/db/old.yaml": "# @package _group_\nhost: h\n"})


def test_hydras_warnings_have_the_same_number_and_order_as_without_hydra_trial(old_app: Path) -> None:
    alone = run(old_app, [sys.executable, "train.py", "db=old", "lr=0.5"])
    under = trial(old_app, "--db=old", "--lr=0.5")
    assert "deprecated keyword in package header" in alone.stderr
    assert under.stderr == alone.stderr + "hydra-trial: metric = 1.0\n"


def test_an_error_is_one_line_even_when_hydra_has_warnings(old_app: Path) -> None:
    declared = {"PYTHONWARNINGS": "ignore:\nversion_base"}  # Hydra 1.3 warns about the app's code before its config
    ended = trial(old_app, "--db=old", "--lr=fast", environ=declared)
    assert ended.returncode == 2
    assert re.search(r"(^|\n)hydra-trial: lr='fast': [^\n]*\n$", ended.stderr)
    assert "package header" not in ended.stderr
