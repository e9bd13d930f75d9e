"""Builds the `CustomJobSpec` of the trials on Vertex AI from the search file and the options. Pure."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from datetime import datetime

from hydra_vertex.job import ContainerSpec, TrialJobSpec, WorkerPoolSpec, app_pools
from hydra_vertex.launcher.machine_table import WITH_ACCELERATORS
from hydra_vertex.launcher.preflight.study_folder import study_folder
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.service.validation.without_effect import LOCAL

from .plan import TuningPlan
from .trial_settings import Disk, TrialSettings, require_forms, with_job_settings

DEFAULT_MACHINE_TYPE = "n1-standard-4"
_POOLS = "trialJobSpec.workerPoolSpecs"
_OWN_LABELS = ("hydra-vertex", "hydra_vertex")


def new_study_id(moment: datetime, token: str) -> str:
    """Return the unique part of a study's folder: `20260131-120000-1a2b3c`. `token` is for studies of one second."""
    return f"{moment:%Y%m%d-%H%M%S}-{token}"


def with_own_folder(plan: TuningPlan, study_id: str) -> TuningPlan:
    """Return the plan with the folder for the output of its trials, which otherwise each run of the pipeline makes."""
    if not plan.study_root:
        return plan
    folder = study_folder(plan.study_root, plan.display_name, study_id)
    spec = dataclasses.replace(plan.trial_job_spec, base_output_uri=folder)
    return dataclasses.replace(plan, trial_job_spec=spec, study_root="")


def with_trial_settings(plan: TuningPlan, settings: TrialSettings) -> TuningPlan:
    """Return the plan with what the options set; an option replaces the same field of the search file.

    Raises UserError when an option cannot be applied to the file's worker pools, when fields do not go together, when
    there is no image, and when a name has not the form that the API takes.
    """
    require_forms(settings)
    spec = with_job_settings(plan.trial_job_spec, settings, plan.source)
    key = settings.encryption_key
    encryption: JsonObject = {"encryptionSpec": {"kmsKeyName": key}} if key else {}
    return dataclasses.replace(
        plan,
        trial_job_spec=dataclasses.replace(
            spec,
            worker_pools=_with_disk(_pools(spec, settings, plan.source), settings.disk),
        ),
        study_root="" if spec.base_output_uri else _root(settings),
        labels={**plan.labels, **_free_labels(settings)},
        job_fields={**plan.job_fields, **encryption},
    )


def _root(settings: TrialSettings) -> str:
    if not re.fullmatch(r"gs://[^/\s]+(/.*)?", settings.root):
        raise UserError(
            f"--root {settings.root or 'is missing'}: expected a folder in a bucket, such as gs://my-bucket/runs"
        )
    return settings.root


def _free_labels(settings: TrialSettings) -> dict[str, str]:
    for name in settings.labels:
        if name.startswith(_OWN_LABELS):
            raise UserError(f"--label {name}: the labels that begin with hydra-vertex are set by hydra-vertex itself")
    return dict(settings.labels)


def _pools(spec: TrialJobSpec, settings: TrialSettings, source: str) -> tuple[WorkerPoolSpec, ...]:
    pools = _described_pools(spec, settings, source)
    require_images(pools, "Vertex AI starts every trial in a container")
    return pools


def with_pools(plan: TuningPlan, settings: TrialSettings) -> TuningPlan:
    """Return the plan with the worker pools of the options, for the embedded service. Without any, nothing changes.

    A pool without a machine or an image has the words of that service for none. Raises UserError.
    """
    if settings == TrialSettings():
        return plan
    spec = plan.trial_job_spec
    pools = _described_pools(spec, settings, plan.source, machine_type=LOCAL)
    named = tuple(pool if pool == WorkerPoolSpec() else _with_some_image(pool) for pool in pools)
    return dataclasses.replace(plan, trial_job_spec=dataclasses.replace(spec, worker_pools=named))


def _with_some_image(pool: WorkerPoolSpec) -> WorkerPoolSpec:
    container = pool.container or ContainerSpec()
    return dataclasses.replace(pool, container=dataclasses.replace(container, image_uri=_image(pool) or LOCAL))


def require_images(pools: tuple[WorkerPoolSpec, ...], why: str) -> None:
    """Check that every pool that runs the app has an image. Raises UserError."""
    for index in app_pools(pools) if pools else (0,):
        if not pools or _image(pools[index]) in {"", LOCAL}:
            raise UserError(f"--image is missing, and {_POOLS}[{index}] has none: {why}; build one from the Dockerfile")


def _described_pools(
    spec: TrialJobSpec, settings: TrialSettings, source: str, machine_type: str = DEFAULT_MACHINE_TYPE
) -> tuple[WorkerPoolSpec, ...]:
    machine = dict(_machine_options(settings))
    if settings.pools:
        if spec.worker_pools:
            raise UserError(f"{source} has {_POOLS}, and --worker-pool-spec gives others; remove one of the two")
        if machine:
            raise UserError(f"{', '.join(machine)}: --worker-pool-spec has the machines; write the machine there")
        return tuple(pool if _image(pool) else _with_image((pool,), settings.image)[0] for pool in settings.pools)
    if not spec.worker_pools:
        return (WorkerPoolSpec(container=ContainerSpec(settings.image), machine=_machine(settings, {}, machine_type)),)
    pools = _with_image(spec.worker_pools, settings.image)
    return _with_machine(pools, settings, source, machine_type) if machine else pools


def _image(pool: WorkerPoolSpec) -> str:
    return "" if pool.container is None else pool.container.image_uri


def _machine_options(settings: TrialSettings) -> Iterator[tuple[str, Json]]:
    if settings.machine_type:
        yield "--trial-machine-type", settings.machine_type
    if settings.accelerator:
        yield "--trial-accelerator", settings.accelerator
    if settings.accelerator_count is not None:
        yield "--trial-accelerator-count", settings.accelerator_count


def _with_image(pools: tuple[WorkerPoolSpec, ...], image: str) -> tuple[WorkerPoolSpec, ...]:
    """Return the pools with the image in each that runs the app; servers keep theirs."""
    if not image:
        return pools
    result = list(pools)
    for index in app_pools(pools):
        container = pools[index].container or ContainerSpec()
        result[index] = dataclasses.replace(pools[index], container=dataclasses.replace(container, image_uri=image))
    return tuple(result)


def _with_disk(pools: tuple[WorkerPoolSpec, ...], disk: Disk | None) -> tuple[WorkerPoolSpec, ...]:
    if disk is None:
        return pools
    kind: JsonObject = {"bootDiskType": disk.type} if disk.type else {}
    spec: JsonObject = {"diskSpec": {**kind, "bootDiskSizeGb": disk.size_gb}}
    result = list(pools)
    for index in app_pools(pools):
        result[index] = dataclasses.replace(pools[index], other={**pools[index].other, **spec})
    return tuple(result)


def _with_machine(
    pools: tuple[WorkerPoolSpec, ...], settings: TrialSettings, source: str, machine_type: str
) -> tuple[WorkerPoolSpec, ...]:
    options = ", ".join(dict(_machine_options(settings)))
    indexes = list(app_pools(pools))
    if len(indexes) != 1:
        raise UserError(
            f"{options}: {source} has {len(indexes)} worker pools that run the app; set machineSpec of each in the file"
        )
    result = list(pools)
    pool = pools[indexes[0]]
    result[indexes[0]] = dataclasses.replace(pool, machine=_machine(settings, pool.machine, machine_type))
    return tuple(result)


def _machine(settings: TrialSettings, given: JsonObject, default: str) -> JsonObject:
    """Return the machine of the options, and what `given` has besides. `default` is the type when none is given.

    A new machine type replaces the accelerator too: by the built-in ones, else by the option's, else by none. Without
    a number there is one accelerator, or as many as the machine type or `given` has of this accelerator.
    """
    machine = dict(given)
    if settings.machine_type:
        machine = {name: value for name, value in given.items() if not name.startswith("accelerator")}
        machine["machineType"] = settings.machine_type
        own, count, *_ = WITH_ACCELERATORS.get(settings.machine_type, ("", 0))
        if own:
            machine |= {"acceleratorType": own, "acceleratorCount": count}
    machine.setdefault("machineType", default)
    if settings.accelerator and settings.accelerator != machine.get("acceleratorType"):
        machine |= {"acceleratorType": settings.accelerator, "acceleratorCount": 1}
    if settings.accelerator_count is not None:
        if not machine.get("acceleratorType"):
            raise UserError("--trial-accelerator-count: name the accelerator too, with --trial-accelerator")
        machine["acceleratorCount"] = settings.accelerator_count
    return machine
