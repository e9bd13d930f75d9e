"""Files that are no kubeconfig."""

from __future__ import annotations

from pathlib import Path

import pytest

from hydra_vertex.protocol.errors import UserError
from hydra_vertex.service.trials.engines.kubernetes.connection import connect
from hydra_vertex.service.trials.engines.kubernetes.settings import parse_settings


@pytest.mark.parametrize("content", ["a: [", "hello", "- a", "\0", "", "contexts: []", "current-context: a"])
def test_a_file_that_is_no_kubeconfig_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "config"
    path.write_text(content)
    with pytest.raises(UserError, match=f"engine kubernetes: {path}: "):
        connect(parse_settings({"kubeconfig": str(path)}))
