"""Checks with the `gcloud` command."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from hydra_vertex.protocol import json
from hydra_vertex.protocol.json import JsonObject

from .endpoint import LOCATION, Endpoint, job_spec, python, tuning_job
from .expectation import Broken, Skipped, expect, expect_equal, wait_for

COMMAND_LIMIT_S = 60.0


def check_gcloud_creates_describes_lists_and_cancels(endpoint: Endpoint) -> None:
    """Run `gcloud ai hp-tuning-jobs` and `gcloud ai custom-jobs`. Raises Skipped without gcloud."""
    program = shutil.which("gcloud")
    if program is None:
        raise Skipped("gcloud is not installed")
    with tempfile.TemporaryDirectory() as folder:
        gcloud = _Gcloud(program, endpoint, Path(folder))
        _tune(gcloud, endpoint)
        _cancel(gcloud, endpoint)


class _Gcloud:
    """Runs gcloud with its own configuration folder, whose documented properties name the endpoint."""

    def __init__(self, program: str, endpoint: Endpoint, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self._environ = {
            **os.environ,
            "CLOUDSDK_CONFIG": str(folder / "config"),
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_AIPLATFORM": f"{endpoint.rest}/",
            **_credentials(endpoint, folder),
            "CLOUDSDK_CORE_PROJECT": endpoint.project,
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
        }

    def __call__(self, *arguments: str) -> str:
        command = [self._program, "ai", *arguments, f"--region={LOCATION}"]
        done = subprocess.run(command, env=self._environ, capture_output=True, text=True, timeout=COMMAND_LIMIT_S)
        if done.returncode != 0:
            raise Broken(f"`gcloud {' '.join(command[1:])}` ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def config(self, name: str, document: JsonObject) -> str:
        path = self._folder / f"{name}.json"
        path.write_text(json.dumps(document))
        return f"--config={path}"


def _credentials(endpoint: Endpoint, folder: Path) -> dict[str, str]:
    """Return the properties for no credentials, or for the service's token."""
    if not endpoint.token:
        return {"CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true"}
    file = folder / "token"
    file.touch(mode=0o600)
    file.write_text(endpoint.token)
    return {"CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(file)}


def _tune(gcloud: _Gcloud, endpoint: Endpoint) -> None:
    job = tuning_job("")
    config = gcloud.config("study", {name: job[name] for name in ("studySpec", "trialJobSpec")})
    counts = ("--max-trial-count=2", "--parallel-trial-count=2")
    created = gcloud(
        "hp-tuning-jobs", "create", "--display-name=contract-gcloud", config, *counts, "--format=value(name)"
    )
    name = created.strip()
    expect(name.startswith(f"{endpoint.parent}/hyperparameterTuningJobs/"), f"gcloud created {name!r}")

    def state() -> str | None:
        found = gcloud("hp-tuning-jobs", "describe", name.rpartition("/")[2], "--format=value(state)").strip()
        return found if found not in {"JOB_STATE_PENDING", "JOB_STATE_RUNNING"} else None

    expect_equal(wait_for(state, "the job's end", endpoint.timeout_s), "JOB_STATE_SUCCEEDED", "the described state")
    expect(name in gcloud("hp-tuning-jobs", "list", "--format=value(name)").split(), "gcloud does not list the job")


def _cancel(gcloud: _Gcloud, endpoint: Endpoint) -> None:
    config = gcloud.config("job", job_spec(*python("import time; time.sleep(600)")))
    name = gcloud("custom-jobs", "create", "--display-name=contract-gcloud", config, "--format=value(name)").strip()
    gcloud("custom-jobs", "cancel", name.rpartition("/")[2])

    def cancelled() -> bool | None:
        found = gcloud("custom-jobs", "describe", name.rpartition("/")[2], "--format=value(state)").strip()
        return True if found == "JOB_STATE_CANCELLED" else None

    wait_for(cancelled, "the end of the cancelled job", endpoint.timeout_s)
