"""Pipelines of Google's SDK of several major versions: that of this environment, and those of other Pythons."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hydra_vertex.service.contract.pipelines import PIPELINE
from service.harness import PIPELINE_RUNNER, start

OTHER_PYTHONS = "SDK_PYTHONS"
"""Variable with Pythons that have google-cloud-aiplatform, such as one with version 1: paths, separated as in PATH."""
PROGRAM = Path(__file__).with_name("sdk_pipeline.py")
PYTHONS = [sys.executable, *filter(None, os.environ.get(OTHER_PYTHONS, "").split(os.pathsep))]


@pytest.mark.parametrize("python", PYTHONS)
def test_a_pipeline_is_submitted_and_waited_for(python: str, tmp_path: Path) -> None:
    file = tmp_path / "pipeline.json"
    file.write_text(json.dumps(PIPELINE))
    with start(tmp_path / "studies", *PIPELINE_RUNNER) as service:
        ended = subprocess.run(
            [python, str(PROGRAM), service.url, str(file)], capture_output=True, text=True, timeout=300, check=False
        )

    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout.splitlines()[-1])
    assert found["state"] == "PIPELINE_STATE_SUCCEEDED", found
    assert found["tasks"] == {"first": "SUCCEEDED", "second": "SUCCEEDED"}
