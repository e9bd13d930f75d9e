"""Restarts hydra-trial in the interpreter of the app's command: another environment, or this one with options."""

from __future__ import annotations

import json
import os
from typing import NoReturn

from hydra_vertex.protocol.command import SEPARATOR
from hydra_vertex.trial.log import flush_output
from hydra_vertex.trial.options import Options

from .app_command import AppCommand
from .installation import BOOTSTRAP, own_installation

_RELAUNCHED = "HYDRA_TRIAL_RELAUNCHED"
"""Contains the interpreter words of this restart, so that a wrapper script is not restarted in an endless loop."""


def needs_relaunch(command: AppCommand) -> bool:
    """Whether another interpreter has to run the app. Removes the marker variable, so that the app does not see it."""
    marker = os.environ.pop(_RELAUNCHED, "")
    return bool(command.interpreter) and marker != json.dumps(command.head)


def relaunch(command: AppCommand, options: Options) -> NoReturn:
    """Replace this process (exec), with the same process id and files. Raises OSError when that fails.

    The interpreter needs no hydra-vertex: the started file makes that of this process importable, and nothing else.
    """
    start = (str(BOOTSTRAP / "start.py"), json.dumps(own_installation()))
    arguments = [*command.interpreter, *start, *options.to_arguments(), SEPARATOR, *options.app]
    flush_output()
    os.execve(arguments[0], arguments, _environ(command))  # noqa: S606 - no shell is wanted


def _environ(command: AppCommand) -> dict[str, str]:
    return {**os.environ, _RELAUNCHED: json.dumps(command.head)}
