"""The command of `hydra-trial` in a search file that is a whole job, as `hydra-vertex job` writes it. Pure."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from itertools import pairwise

from hydra_vertex.job import ContainerSpec, TrialJobSpec, WorkerPoolSpec
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.command import SEPARATOR, app_command, trial_command, value_options
from hydra_vertex.protocol.errors import SearchSpaceError


@dataclass(frozen=True, slots=True)
class TrialProgram:
    """The app's command, and the options of `hydra-trial`. All are empty when a file does not start `hydra-trial`."""

    app: tuple[str, ...] = ()
    monitor: tuple[str, ...] = ()
    sweeps: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


def trial_program(spec: TrialJobSpec, metric: str, source: str) -> TrialProgram:
    """Return what the first container's command starts.

    Raises SearchSpaceError for a command of `hydra-trial` that a study of `metric` would not have.
    """
    container = _first_container(spec)
    app = app_command(container.command)
    if app is None:
        return TrialProgram()
    own = container.command[: container.command.index(SEPARATOR)]
    values = [option.partition("=")[::2] for option in value_options(container.command)]
    program = TrialProgram(
        app=app,
        monitor=tuple(name for option, name in pairwise(own) if option == "--monitor"),
        sweeps=tuple(text for option, text in values if option == "--sweep"),
        aliases=tuple(text for option, text in values if option == "--alias"),
    )
    expected = trial_command(app, metric, program.monitor, program.sweeps, program.aliases)
    if container.command != expected:
        raise SearchSpaceError(
            f"{source}: containerSpec.command starts {excerpt(' '.join(own))}, and a study of {excerpt(metric)} starts "
            f"{excerpt(' '.join(expected[: expected.index(SEPARATOR)]))}; remove the command, and write the app's "
            f"command after {SEPARATOR}"
        )
    return program


def without_trial_program(spec: TrialJobSpec) -> TrialJobSpec:
    """Return the spec without the first container's command of `hydra-trial`, which its job gets again."""
    command = _first_container(spec).command
    if app_command(command) is None:
        return spec
    return dataclasses.replace(spec, worker_pools=tuple(_without(command, pool) for pool in spec.worker_pools))


def _first_container(spec: TrialJobSpec) -> ContainerSpec:
    return (spec.worker_pools[0].container if spec.worker_pools else None) or ContainerSpec()


def _without(command: tuple[str, ...], pool: WorkerPoolSpec) -> WorkerPoolSpec:
    container = pool.container
    if container is None or container.command != command:
        return pool
    return dataclasses.replace(pool, container=dataclasses.replace(container, command=()))
