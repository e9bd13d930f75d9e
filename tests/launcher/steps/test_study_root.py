from __future__ import annotations

import json
import re
from pathlib import Path

from hydra_vertex.launcher.steps.tune_input import requested_job
from hydra_vertex.protocol.executor import parse_executor_input
from launcher.steps import inputs


def test_each_run_has_its_own_folder_below_the_study_root() -> None:
    def folder(run: str, **changes: str) -> str:
        text = inputs.executor_input(Path(f"gs://b/runs/1/{run}/tune"), "http://127.0.0.1:9", ("true",), **changes)
        return requested_job(parse_executor_input(text)).trial_job_spec.base_output_uri

    own = json.dumps({"workerPoolSpecs": [{}], "baseOutputDirectory": {"outputUriPrefix": "gs://theirs/x"}})
    monday, tuesday = (folder(f"nightly-2026013{day}020000", study_root="gs://b/runs/") for day in (0, 1))

    assert folder("nightly-1") == ""
    assert folder("nightly-1", study_root="gs://b/runs", trial_job_spec=own) == "gs://theirs/x"
    assert monday == folder("nightly-20260130020000", study_root="gs://b/runs")
    assert re.fullmatch(r"gs://b/runs/study-[0-9a-z_-]*nightly-20260130020000-tune-job/trials", monday)
    assert monday != tuesday
