"""Checks with the unmodified launcher of google-cloud-pipeline-components, the program of Google's own KFP steps."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from hydra_vertex.protocol import json
from hydra_vertex.protocol.json import Json, JsonObject

from .endpoint import LOCATION, Endpoint, custom_job, python, tuning_job
from .expectation import Broken, Skipped, expect, expect_equal
from .relay import Identity, make_identity, relay

LAUNCHERS = "google_cloud_pipeline_components.container.v1"
GOOGLE = f"{LOCATION}-aiplatform.googleapis.com"


def check_the_pipeline_components_launcher_runs_a_study(endpoint: Endpoint) -> None:
    """The program of `HyperparameterTuningJobRunOp` creates a job, polls it every 20 s, and exits with code 0."""
    asyncio.run(_launch(endpoint, "hyperparameter_tuning_job", "HyperparameterTuningJob", tuning_job("contract")))


def check_the_pipeline_components_launcher_runs_a_custom_job(endpoint: Endpoint) -> None:
    """The program of `CustomTrainingJobOp` does the same with a custom job."""
    asyncio.run(_launch(endpoint, "custom_job", "CustomJob", custom_job("contract", *python(""))))


async def _launch(endpoint: Endpoint, module: str, kind: str, document: JsonObject) -> None:
    if find_spec("google_cloud_pipeline_components") is None or find_spec("cryptography") is None:
        raise Skipped("google-cloud-pipeline-components or cryptography is not installed")
    if not endpoint.grpc:
        raise Skipped("the service has no gRPC, which the launcher uses; start it with --grpc-port")
    if endpoint.token:
        raise Skipped("the launcher cannot send the service's own token")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        identity = make_identity(folder, GOOGLE)
        resources = folder / "gcp_resources"
        async with relay(identity, endpoint.grpc) as proxy:
            launcher = await asyncio.create_subprocess_exec(
                *(sys.executable, "-W", "ignore", "-m", f"{LAUNCHERS}.{module}.launcher"),
                *("--type", kind, "--project", endpoint.project, "--location", LOCATION),
                *("--payload", json.dumps(_snake(document)), "--gcp_resources", str(resources)),
                env={**os.environ, **_environ(identity, folder, proxy)},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            await _expect_success(launcher, endpoint)
        expect_equal(f"https://{GOOGLE}/v1/{endpoint.parent}" in resources.read_text(), True, "gcp_resources")


def _snake(value: Json) -> Json:
    """Convert field names to the proto's snake_case names, which KFP writes and the launcher reads."""
    if isinstance(value, dict):
        return {re.sub(r"[A-Z]", lambda m: f"_{m[0].lower()}", name): _snake(inner) for name, inner in value.items()}
    return [_snake(item) for item in value] if isinstance(value, list) else value


async def _expect_success(launcher: asyncio.subprocess.Process, endpoint: Endpoint) -> None:
    try:
        output, _ = await asyncio.wait_for(launcher.communicate(), endpoint.timeout_s + 60)
    except asyncio.TimeoutError as error:
        launcher.kill()
        await launcher.wait()
        raise Broken("the launcher did not end within its time limit") from error
    expect(launcher.returncode == 0, f"the launcher exited with code {launcher.returncode}: {output.decode()[-2000:]}")


def _environ(identity: Identity, folder: Path, proxy: str) -> dict[str, str]:
    """Return the documented variables that make Google's libraries use the relay, with a made-up account."""
    account = folder / "account.json"
    account.write_text(
        json.dumps(
            {
                "type": "service_account",
                "project_id": "contract",
                "private_key_id": "contract",
                "private_key": identity.key.read_text(),
                "client_email": "contract@contract.iam.gserviceaccount.com",
                "client_id": "1",
                "token_uri": "https://oauth2.googleapis.com/token",
            }
        )
    )
    return {
        "GOOGLE_APPLICATION_CREDENTIALS": str(account),
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(identity.certificate),
        "grpc_proxy": f"http://{proxy}",
        "https_proxy": f"http://{proxy}",
        "no_grpc_proxy": "",
        "no_proxy": "",
    }
