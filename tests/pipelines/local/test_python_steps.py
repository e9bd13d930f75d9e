"""Environments for `@dsl.component` steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from hydra_vertex.pipelines.local import python_steps
from hydra_vertex.pipelines.local.python_steps import PythonEnvironments
from hydra_vertex.protocol.errors import UserError


def test_an_installation_that_does_not_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python_steps, "PREPARATION_LIMIT_S", 0.2)
    with pytest.raises(UserError, match=r"not installed after 0.2 s \(exec sleep 60\); check the package index"):
        PythonEnvironments(tmp_path).prepare("train", ["sh", "-c", "exec sleep 60", "sh"])
