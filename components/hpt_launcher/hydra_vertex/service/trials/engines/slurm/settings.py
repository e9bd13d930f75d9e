"""The settings of the Slurm engine: what a site and a user decide about the jobs of trials."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.json import JsonObject

from .setting_values import SettingValues, problem

KEYS = (
    "partition",
    "account",
    "qos",
    "constraint",
    "reservation",
    "cpus",
    "memory",
    "gres",
    "machines",
    "time_limit_minutes",
    "requeue",
    "sbatch_options",
    "container",
    "on_node",
    "setup",
    "pass_environment",
    "working_directory",
    "shared_folder",
    "folder_delay_s",
)

PLACEHOLDERS = ("image", "folder", "output")
"""The placeholders of `container`: the job's image, the folder of the launch, the job's output folder."""

FOLDER_DELAY_S = 15.0
"""The longest time for which an NFS client shows the old attributes of a folder that changes often, with a reserve."""

_OWN_OPTIONS = {
    "job-name": "hydra-vertex finds the job of a trial by its name",
    "output": "the trial's folder has the log",
    "error": "the trial's folder has the log",
    "input": "a trial reads nothing",
    "open-mode": "the trial's folder has the log",
    "parsable": "hydra-vertex reads the job's id",
    "quiet": "hydra-vertex reads the job's id",
    "wait": "hydra-vertex waits by itself",
    "wrap": "the trial's command is the script",
    "array": "each trial is a job of its own",
    "export": "use the key pass_environment",
    "export-file": "use the key pass_environment",
    "get-user-env": "Slurm does so already",
    "hold": "the trial would never start",
    "test-only": "nothing would be submitted",
    "help": "nothing would be submitted",
    "usage": "nothing would be submitted",
    "version": "nothing would be submitted",
    "clusters": "the trial's job would not be found again",
    "cluster": "the trial's job would not be found again",
    "no-kill": "the trial of a lost node has to end",
    "kill-on-invalid-dep": "a trial depends on no job",
    "dependency": "a trial depends on no job",
    "deadline": "use a time limit",
    "nodes": "a trial has one node for each of its workers",
    "ntasks": "a trial has one task for each of its workers",
    "ntasks-per-node": "a trial has one task for each of its workers",
    "time": "use the trial's time limit, or the key time_limit_minutes",
    "requeue": "use the key requeue",
    "no-requeue": "use the key requeue",
    "partition": "use the key partition",
    "account": "use the key account",
    "qos": "use the key qos",
    "constraint": "use the key constraint",
    "reservation": "use the key reservation",
    "cpus-per-task": "use the key cpus",
    "mem": "use the key memory",
    "gres": "use the key gres or machines",
    "chdir": "use the key working_directory",
}
"""The options of sbatch that a user cannot give, with the reason."""

_OPTION = re.compile(r"--([a-z][a-z0-9-]*)(=.*)?", re.DOTALL)
_PLACEHOLDER = re.compile(r"\{(\w*)\}")


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings. Empty texts and None mean: as Slurm does it by itself.

    `gres` is the generic resource of a trial whose machine has no accelerator, `machines` that of one accelerator, by
    its type; each as name and count. `container` None means that the command runs on the node. `pass_environment` are
    the variables of the service that a trial gets. `folder_delay_s` is the time after which the shared folder shows
    what a node has written.
    """

    partition: str = ""
    account: str = ""
    qos: str = ""
    constraint: str = ""
    reservation: str = ""
    cpus: int | None = None
    memory: str = ""
    gres: tuple[str, int] | None = None
    machines: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    time_limit_minutes: int | None = None
    requeue: bool = False
    sbatch_options: tuple[str, ...] = ()
    container: tuple[str, ...] | None = None
    on_node: bool = False
    setup: str = ""
    pass_environment: tuple[str, ...] = ()
    working_directory: PurePosixPath | None = None
    shared_folder: PurePosixPath | None = None
    folder_delay_s: float = FOLDER_DELAY_S


def parse_settings(settings: JsonObject) -> Settings:
    """Read the engine's config file. Raises UserError for an unknown key and for a wrong value."""
    values = SettingValues(settings, KEYS)
    container = _container(values)
    on_node = values.flag("on_node")
    if container is not None and on_node:
        raise UserError("engine slurm: container and on_node exclude each other: the command runs in one of the two")
    passed = values.variables("pass_environment")
    return Settings(
        partition=values.word("partition"),
        account=values.word("account"),
        qos=values.word("qos"),
        constraint=values.word("constraint"),
        reservation=values.word("reservation"),
        cpus=values.count("cpus"),
        memory=values.memory("memory"),
        gres=values.gres("gres"),
        machines=values.machines("machines"),
        time_limit_minutes=values.count("time_limit_minutes"),
        requeue=values.flag("requeue"),
        sbatch_options=_sbatch_options(values),
        container=container,
        on_node=on_node,
        setup=values.text("setup"),
        pass_environment=passed if passed is not None else (("PATH",) if container is None else ()),
        working_directory=values.folder("working_directory"),
        shared_folder=values.folder("shared_folder"),
        folder_delay_s=values.seconds("folder_delay_s", FOLDER_DELAY_S),
    )


def _sbatch_options(values: SettingValues) -> tuple[str, ...]:
    key = "sbatch_options"
    options = values.words(key) or ()
    for option in options:
        match = _OPTION.fullmatch(option)
        if match is None:
            raise problem(key, option, "long options, each as one word: --exclusive or --nice=100")
        # sbatch takes each unambiguous beginning of an option's name.
        own = [name for name in _OWN_OPTIONS if name == match[1]] or [
            name for name in _OWN_OPTIONS if name.startswith(match[1])
        ]
        if own:
            raise UserError(f"engine slurm: {key}: {option!r} cannot be set here: {_OWN_OPTIONS[own[0]]}")
    return options


def _container(values: SettingValues) -> tuple[str, ...] | None:
    key = "container"
    words = values.words(key)
    if words is None:
        return None
    if not words:
        raise problem(key, [], "a command such as [apptainer, exec, --nv, '{image}']")
    for word in words:
        for name in _PLACEHOLDER.findall(word):
            if name not in PLACEHOLDERS:
                allowed = ", ".join(f"{{{known}}}" for known in PLACEHOLDERS)
                raise UserError(f"engine slurm: {key}: unknown placeholder {{{name}}} in {word!r} (allowed: {allowed})")
    return words


def fill_placeholders(word: str, values: Mapping[str, str]) -> str:
    """Return a word of `container` with the values of its placeholders."""
    return _PLACEHOLDER.sub(lambda match: values[match[1]], word)
