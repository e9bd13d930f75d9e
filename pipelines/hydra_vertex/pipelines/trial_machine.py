"""Builds the `CustomJobSpec` of the trials on Vertex AI: machine, image and output folder."""

from __future__ import annotations

import dataclasses

from hydra_vertex.job import ContainerSpec, TrialJobSpec, WorkerPoolSpec
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.json import Json

TRIAL_FOLDER = "trials"


def trial_job(
    spec: TrialJobSpec,
    *,
    image: str,
    machine_type: str,
    accelerator: str,
    accelerator_count: int,
    root: str,
    service_account: str = "",
) -> TrialJobSpec:
    """Return `spec` with its empty fields filled in; existing worker pools are not changed.

    Raises UserError when there is neither a worker pool nor an image, or when the root is not a gs:// URI.
    """
    if not root.startswith("gs://"):
        raise UserError(f"--root {root}: expected a folder in a bucket, such as gs://my-bucket/runs")
    pools = spec.worker_pools or (_pool(image, machine_type, accelerator, accelerator_count),)
    account: dict[str, Json] = {"serviceAccount": service_account} if service_account else {}
    return dataclasses.replace(
        spec,
        worker_pools=pools,
        base_output_uri=spec.base_output_uri or f"{root.rstrip('/')}/{TRIAL_FOLDER}",
        other={**account, **spec.other},
    )


def _pool(image: str, machine_type: str, accelerator: str, accelerator_count: int) -> WorkerPoolSpec:
    if not image:
        raise UserError(
            "--image is missing: Vertex AI starts every trial in a container; build one from the Dockerfile"
        )
    machine: dict[str, Json] = {"machineType": machine_type}
    if accelerator:
        machine |= {"acceleratorType": accelerator, "acceleratorCount": accelerator_count}
    return WorkerPoolSpec(container=ContainerSpec(image_uri=image), machine=machine)
