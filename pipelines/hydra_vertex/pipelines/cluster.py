"""What the steps of a pipeline need on a Kubernetes cluster with Kubeflow Pipelines: nodes, volumes, a token.

KFP keeps it beside the pipeline, for which the package kfp-kubernetes is needed. Vertex AI does not read it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.service_token import TOKEN_VARIABLE

from .compiled_pipeline import CompiledPipeline, object_at
from .machine_types import Machine

RETRAIN_REQUESTS = ("1", "2G")
"""vCPUs and memory that the retraining requests on a cluster where nothing is chosen; it may use more."""


@dataclass(frozen=True, slots=True)
class Toleration:
    """A taint that a Pod tolerates: of any value without `value`, of any effect without `effect`."""

    key: str
    value: str = ""
    effect: str = ""


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """The settings of a pipeline's steps on a cluster.

    `engine` is the default of the pipeline's parameter `engine`. `keeps_study`: a step `tune` that is started again
    finds its study, in a service that exists or in a folder on a volume. `node_selector` and `tolerations` are of the
    retraining. `volumes` are claims and the paths at which every step has them. `token_secret` is a Secret and its key
    with the token of the tuning service, which the steps `tune` and `select_best` get as a variable.
    """

    engine: str = ""
    keeps_study: bool = True
    node_selector: tuple[tuple[str, str], ...] = ()
    tolerations: tuple[Toleration, ...] = ()
    volumes: tuple[tuple[str, str], ...] = ()
    token_secret: tuple[str, str] | None = None

    @property
    def needs_extension(self) -> bool:
        """Whether kfp-kubernetes is needed."""
        return bool(self.node_selector or self.tolerations or self.volumes or self.token_secret)

    def apply_to_study_step(self, task: Any) -> None:
        """Apply the settings of `tune` and `select_best` to a KFP task."""
        if self.token_secret is not None:
            secret, key = self.token_secret
            _extension().use_secret_as_env(task, secret, {key: TOKEN_VARIABLE})
        self._mount(task)

    def apply_to_retraining(self, task: Any, machine: Machine | None) -> None:
        """Apply the settings of the retraining to a KFP task."""
        for key, value in self.node_selector:
            _extension().add_node_selector(task, key, value)
        for item in self.tolerations:
            operator = "Equal" if item.value else "Exists"
            _extension().add_toleration(task, item.key, operator, item.value or None, item.effect or None)
        self._mount(task)
        cpu, memory = RETRAIN_REQUESTS
        task.set_cpu_request((machine and machine.cpu) or cpu)
        task.set_memory_request((machine and machine.memory) or memory)

    def _mount(self, task: Any) -> None:
        for claim, path in self.volumes:
            _extension().mount_pvc(task, claim, path)


def require_cluster(settings: ClusterSettings, machine: Machine | None) -> None:
    """Check the settings before anything is compiled. Raises UserError, also when kfp-kubernetes is missing."""
    if settings.needs_extension:
        _extension()
    if machine is not None and machine.accelerator and "/" not in machine.accelerator:
        raise UserError(
            f"--accelerator {machine.accelerator}: is a name of Vertex AI, which a cluster does not have; give the "
            "resource of its device plugin, such as --accelerator nvidia.com/gpu, and --cpu and --memory in place of a "
            "machine type that has it"
        )


def refuse_cluster_pipeline(pipeline: CompiledPipeline) -> None:
    """Raise UserError for a pipeline that was compiled for a cluster: Vertex AI would not read its settings."""
    found = tuple(_cluster_parts(pipeline))
    if found:
        raise UserError(
            f"{pipeline.file}: was compiled for a cluster without Vertex AI: it has {', '.join(found)}; compile it "
            "again without these options, or start it with Kubeflow Pipelines (docs/kubeflow.md)"
        )


def _cluster_parts(pipeline: CompiledPipeline) -> Iterator[str]:
    if object_at(pipeline.parameters, "engine").get("defaultValue"):
        yield "an engine"
    for executor in object_at(pipeline.spec, "deploymentSpec", "executors").values():
        device = str(object_at(executor, "container", "resources", "accelerator").get("resourceType", ""))
        if "/" in device:
            yield f"the accelerator {device}"
    # kfp writes the settings of kfp-kubernetes into a second document, which has this key.
    if pipeline.file.suffix != ".json" and re.search(r"^platforms:", pipeline.file.read_text("utf-8"), re.MULTILINE):
        yield "node selectors, tolerations, volumes or secrets"


def _extension() -> ModuleType:
    try:
        from kfp import kubernetes
    except ImportError as error:
        raise UserError(
            "node selectors, tolerations, volumes and secrets of a step need the package kfp-kubernetes; run: "
            "pip install 'hydra-vertex[kubeflow]'"
        ) from error
    module: ModuleType = kubernetes
    return module
