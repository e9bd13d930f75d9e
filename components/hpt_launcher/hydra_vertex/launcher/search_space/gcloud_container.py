"""The containers of a search file in gcloud's form: what they add to the app's command and environment. Pure.

A service appends the arguments of a container to its command, so they are arguments of the app. The app's command gets
them, so that the check, the best config and the retraining have them too.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping

from hydra_vertex.job import ContainerSpec, TrialJobSpec, WorkerPoolSpec, runs_app
from hydra_vertex.launcher.arguments import argument_problem
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import SearchSpaceError

POOLS = "trialJobSpec.workerPoolSpecs"


def shared_args(spec: TrialJobSpec, source: str) -> tuple[str, ...]:
    """Return the arguments that every container of the app gives it. A server's container keeps its own.

    Raises SearchSpaceError when the first container has a command of its own, or when two pools of the app have
    different arguments.
    """
    containers = {
        f"{source}: {POOLS}[{index}].containerSpec": pool.container
        for index, pool in enumerate(spec.worker_pools)
        if pool.container is not None and runs_app(index, pool)
    }
    first = next(iter(containers.values()), ContainerSpec())
    for where, container in containers.items():
        if container.command:
            raise SearchSpaceError(
                f"{where}.command is {excerpt(shlex.join(container.command))}, and the command after -- is the app's "
                "command; remove one of the two"
            )
        if container.args != first.args:
            raise SearchSpaceError(
                f"{where}.args differ from those of {POOLS}[0]; every worker runs the app's command, so write the "
                "same arguments, or write them after --"
            )
    for part in first.args:
        if problem := argument_problem(part):
            raise SearchSpaceError(f"{source}: {POOLS}[0].containerSpec.args: {excerpt(repr(part))} {problem}")
    return first.args


def app_environment(spec: TrialJobSpec) -> Mapping[str, str]:
    """Return the environment variables that the first container gives the app."""
    container = spec.worker_pools[0].container if spec.worker_pools else None
    return {} if container is None else container.env


def without_args(spec: TrialJobSpec) -> TrialJobSpec:
    """Return the spec without the containers' arguments, which the app's command has."""
    pools = (_without_args(pool) if runs_app(i, pool) else pool for i, pool in enumerate(spec.worker_pools))
    return dataclasses.replace(spec, worker_pools=tuple(pools))


def _without_args(pool: WorkerPoolSpec) -> WorkerPoolSpec:
    container = pool.container
    if container is None:
        return pool
    return dataclasses.replace(pool, container=dataclasses.replace(container, args=()))
