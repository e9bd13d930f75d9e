"""Starts hydra-trial again in the interpreter that the app's command names: another environment, or with options."""

from __future__ import annotations

import json
import os
from typing import NoReturn

from hydra_vertex.protocol.command import SEPARATOR
from hydra_vertex.trial.log import flush_output
from hydra_vertex.trial.options import Options

from .app_command import AppCommand

_RELAUNCHED = "HYDRA_TRIAL_RELAUNCHED"
"""Holds the words that this process was started for, so that a wrapper of an interpreter is not started for ever."""


def needs_relaunch(command: AppCommand) -> bool:
    """Whether another process has to take over. Takes the mark out of the environment, which is the app's."""
    mark = os.environ.pop(_RELAUNCHED, "")
    return bool(command.interpreter) and mark != json.dumps(command.head)


def relaunch(command: AppCommand, options: Options) -> NoReturn:
    """Become that process: same process id, same files. Raises OSError when the interpreter cannot be started."""
    arguments = [*command.interpreter, "-m", "hydra_vertex.trial", *options.to_arguments(), SEPARATOR, *options.app]
    flush_output()
    os.execve(arguments[0], arguments, _environ(command))  # noqa: S606 - no shell is wanted


def _environ(command: AppCommand) -> dict[str, str]:
    return {**os.environ, _RELAUNCHED: json.dumps(command.head)}
