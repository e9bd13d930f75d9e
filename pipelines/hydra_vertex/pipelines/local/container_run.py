"""Runs a compiled pipeline with each step in a container; the tuning step's container has the service and the trials.

The trials are processes of the tuning step's container: it needs no way to the engine, and with no network the service
is reached on the container's own loopback interface.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .containers import Containers
from .guard import children_marked
from .kfp_local import LocalRun, run_pipeline
from .run_folder import RunFolder
from .steps import Step, StepSettings
from .trial_folder import with_output_folder

_TUNE_MODULE = "hydra_vertex.pipelines.local.tune_with_service"


@dataclass(frozen=True, slots=True)
class ContainerSteps:
    """The containers of the steps. `service` are the words for `tune_with_service`."""

    containers: Containers
    service: tuple[str, ...]

    def step_command(self, step: Step, name: str, variables: Sequence[str]) -> list[str]:
        """Return the command that runs a step in a container of this name, with these variables of its environment."""
        words = step.command
        if Step.is_tune(words):
            words = (words[0], "-m", _TUNE_MODULE, *self.service, "--", *words[words.index("-m") + 2 :])
        return self.containers.command(name, step.image, words, variables)

    def end(self, name: str) -> None:
        """End a container that may still run."""
        self.containers.end(name)


def run_in_containers(
    folder: RunFolder,
    arguments: Mapping[str, str | int],
    containers: Containers,
    *,
    marker: str,
    disks: Sequence[Path],
    service_options: Sequence[str],
) -> LocalRun:
    """Run the folder's compiled pipeline. `service_options` are those of `tune_with_service`.

    Raises CommandError when no container can write to the folder, StepFailed for the first step that fails, with the
    exit code of its container, DockerError.
    """
    containers.end_earlier()
    containers.require_shared_folder()
    # The service requires that its folder is this user's.
    folder.studies.mkdir(mode=0o700, exist_ok=True)
    service = ("--dir", str(folder.studies), "--log", str(folder.log("service")))
    steps = ContainerSteps(containers, (*service, *service_options))
    # A container has no other of this machine's folders.
    watched = tuple(disk for disk in disks if disk.is_relative_to(folder.path))
    with children_marked(marker):
        return run_pipeline(
            folder.pipeline,
            with_output_folder(arguments, folder.studies),
            pipeline_root=folder.pipeline_root,
            log=folder.log("pipeline"),
            settings=StepSettings(disks=watched, containers=steps),
        )
