"""The command `hydra-trial`: runs an unmodified Hydra app as a trial. Imports Hydra only when an app is run."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.protocol.command import PROGRAM
from hydra_vertex.protocol.errors import CommandError, HydraVertexError, OutputError
from hydra_vertex.trial.process.lifetime import live

from .log import show, tell
from .option_parser import help_text, parse_options
from .options import Options

if TYPE_CHECKING:
    from hydra_vertex.protocol.explanation import Explanation
    from hydra_vertex.trial.command.app_command import AppCommand, Module, Program, Script


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code: the app's own, or that of the error that prevented its run (see `protocol.errors`)."""
    try:
        return live(parse_options(sys.argv[1:] if arguments is None else arguments), _run)
    except HydraVertexError as error:
        tell(str(error))
        return error.exit_code


def _run(options: Options) -> int:
    if options.help:
        show(help_text())
        return 0
    if options.version:
        from importlib.metadata import version

        show(f"{PROGRAM} {version('hydra-vertex')}")
        return 0
    if options.executor_input is not None:
        from .retrain import retrain

        return retrain(options.executor_input)
    return _run_app(options)


def _run_app(options: Options) -> int:
    from hydra_vertex.trial.command.app_command import Program, parse_app_command
    from hydra_vertex.trial.command.relaunch import needs_relaunch, relaunch

    command = parse_app_command(options.app)
    if needs_relaunch(command):
        try:
            relaunch(command, options)
        except OSError as error:
            raise CommandError(f"{command.interpreter[0]}: cannot be started: {error.strerror}") from error

    if isinstance(command.target, Program):
        return _run_program(command, command.target, options)
    return _run_python(command, command.target, options)


def _run_python(command: AppCommand, target: Script | Module, options: Options) -> int:
    from hydra_vertex.trial.command.main_module import run_as_main

    from .session import Session

    session = Session(options, command.program, command.arguments)
    session.start()
    exit_code = run_as_main(target, session.hydra_arguments)
    if session.explanation is not None:
        _show(session.explanation, command.program, options.json)
        return 0
    if session.error is not None:
        return exit_code or session.error.exit_code
    if exit_code == 0:
        session.check_delivered()
    return exit_code


def _run_program(command: AppCommand, program: Program, options: Options) -> int:
    from hydra_vertex.trial.command.untyped_program import become, lexical_command
    from hydra_vertex.trial.overrides.arguments import parse_arguments, with_aliases
    from hydra_vertex.trial.overrides.sweeps import with_literals

    if options.json is not None:
        raise CommandError(f"{command.program[0]}: not a Python app, so there is no config for --json")
    parsed = with_literals(parse_arguments(command.arguments), options.sweeps)
    arguments = with_aliases(parsed, {alias.id: alias.key for alias in options.aliases})
    words = lexical_command(command, arguments)
    if not options.explain:
        become(program, words)
    show(shlex.join(words))
    return 0


def _show(explanation: Explanation, program: Sequence[str], file: Path | None) -> None:
    from hydra_vertex.protocol import json
    from hydra_vertex.protocol.explanation import dump_explanation
    from hydra_vertex.protocol.files import write_atomic
    from hydra_vertex.trial.overrides.explain import render

    if file is None:
        show(render(explanation, program))
        return
    try:
        write_atomic(file, json.dumps(dump_explanation(explanation), indent=2) + "\n")
    except OSError as error:
        raise OutputError(f"{file}: cannot be written: {error.strerror}") from error
