"""The choice of an engine and its settings, as `hydra-vertex run`, `serve` and the service itself pass it on."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.service.devices.resource_options import ResourceOptions

from .contract import SharesFolder, WorkerEngine

SETTINGS_VARIABLE = "HYDRA_VERTEX_ENGINE_SETTINGS"
"""The variable with the settings of a service's engine, as JSON. Trials do not get it."""
THIS_MACHINE = "process"
ENGINES = (THIS_MACHINE, "docker", "kubernetes", "slurm")


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """An engine, one of ENGINES, and the settings of its config file; empty settings are its defaults."""

    name: str = THIS_MACHINE
    settings: Mapping[str, Json] = field(default_factory=dict)

    @property
    def is_this_machine(self) -> bool:
        """Whether trials run as processes of this machine."""
        return self.name == THIS_MACHINE

    def to_environ(self) -> dict[str, str]:
        """Return the variables of a service with these options. `ps` shows settings on a command line to all users."""
        return {} if self.is_this_machine else {SETTINGS_VARIABLE: json.dumps(dict(self.settings))}


THIS_MACHINE_OPTIONS = EngineOptions()


class _EngineModule(Protocol):
    def make_engine(self, settings: JsonObject, service_id: str) -> WorkerEngine: ...


def parse_engine(name: str, settings: str) -> EngineOptions:
    """Return the options from the service's arguments; `settings` is JSON. Raises UserError."""
    try:
        given = json.loads(settings)
    except ValueError as error:
        raise UserError(f"--engine-settings: not JSON ({error})") from error
    if not isinstance(given, dict):
        raise UserError("--engine-settings: expected a JSON object")
    return checked_options(name, given)


def checked_options(name: str, settings: JsonObject) -> EngineOptions:
    """Return the options. Raises UserError for settings of this machine's processes, which have none."""
    options = EngineOptions(name, settings)
    if options.is_this_machine and settings:
        raise UserError(
            f"--engine {THIS_MACHINE} has no settings, got {', '.join(map(repr, settings))}; "
            "the options --trial-memory, --trial-nice and --trials-per-gpu limit the trials of this machine"
        )
    return options


def require_resources_apply(options: EngineOptions, resources: ResourceOptions) -> None:
    """Check that no limit of this machine's trials is given for another engine. Raises UserError."""
    limits = dataclasses.replace(resources, max_parallel=None).to_arguments()
    if limits and not options.is_this_machine:
        raise UserError(
            f"{limits[0].partition('=')[0]} is for trials that are processes of this machine, and --engine "
            f"{options.name} runs them elsewhere; leave it out: the engine's settings and the job's machineSpec say "
            "what a trial gets there"
        )


def make_engine(options: EngineOptions, service_id: str, folder: Path | None = None) -> WorkerEngine | None:
    """Return the engine, ready to use; None for the processes of this machine.

    `service_id` are 8 hexadecimal digits that mark the service's launches; `folder` is the service's, None to check
    none. Raises UserError when a setting is wrong, the client library is missing, or the engine does not answer or does
    not allow what is needed.
    """
    if options.is_this_machine:
        return None
    module = cast("_EngineModule", import_module(f"{__package__}.{options.name}"))
    engine = module.make_engine(dict(options.settings), service_id)
    if folder is not None and isinstance(engine, SharesFolder):
        engine.check_folder(folder)
    return engine
