"""The command `hydra-trial`: runs an unmodified Hydra app as a trial. Imports Hydra only when an app is run."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hydra_vertex.protocol.command import PROGRAM, SEPARATOR
from hydra_vertex.protocol.errors import CommandError, HydraVertexError
from hydra_vertex.protocol.metric_stream import MARKER
from hydra_vertex.trial.process.lifetime import live

from .log import show, tell
from .option_parser import help_text, parse_options
from .options import Options, merged

HOOK = "HYDRA_TRIAL_HOOK"
"""The variable of `command.hook`, without its import."""

if TYPE_CHECKING:
    from hydra_vertex.trial.command.app_command import AppCommand, Module, Program, Script
    from hydra_vertex.trial.reporting.metric_stream import MetricStream


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code: the app's own, or that of the error that prevented its run (see `protocol.errors`)."""
    try:
        options = parse_options(sys.argv[1:] if arguments is None else arguments)
        return live(options, _run, _companion())
    except HydraVertexError as error:
        tell(str(error))
        return error.exit_code


def _companion() -> MetricStream | None:
    if MARKER not in os.environ:
        return None
    from .reporting.metric_stream import take_stream

    return take_stream(os.environ)


def _run(options: Options) -> int:
    if options.help:
        show(help_text())
        return 0
    if options.version:
        from importlib.metadata import version

        show(f"{PROGRAM} {version('hydra-vertex')}")
        return 0
    if options.executor_input is not None and options.component is not None:
        from .app_step import run_component

        return run_component(options.executor_input, options.component)
    if options.executor_input is not None:
        from .retrain import retrain

        return retrain(options.executor_input)
    if not options.explain:
        _resolve_secrets()
    return _run_app(options)


def _resolve_secrets() -> None:
    """Give the variables that refer to secrets their values. Raises SecretError."""
    from hydra_vertex.protocol.secret_references import KEPT, SECRETS, listed_names, reference_names

    done = {*listed_names(os.environ, SECRETS), *listed_names(os.environ, KEPT)}
    names = [name for name in reference_names(os.environ) if name not in done]
    if not names:
        return
    from .secrets.resolve import publish_fingerprints, resolved

    values = resolved(os.environ)
    publish_fingerprints(values, os.environ)
    os.environ.update(values)
    tell(f"the values of {', '.join(names)} come from Secret Manager")


def _run_app(options: Options) -> int:
    from hydra_vertex.trial.command.app_command import Program, parse_app_command
    from hydra_vertex.trial.command.node_rank import node_rank_variable
    from hydra_vertex.trial.command.relaunch import needs_relaunch, relaunch

    os.environ.update(node_rank_variable(os.environ))
    command = parse_app_command(options.app, by_launcher=options.by_launcher)
    if needs_relaunch(command):
        try:
            relaunch(command, options)
        except OSError as error:
            raise CommandError(f"{command.interpreter[0]}: cannot be started: {error.strerror}") from error

    match command.target:
        case Program() as program if options.untyped:
            return _run_untyped(command, program, options)
        case Program() as program:
            from .wrapper import run_program

            return run_program(command, program, options)
        case target if options.untyped:
            raise CommandError(f"--untyped: {shlex.join(command.program)} is a Python app; leave --untyped out")
        case target:
            return _run_python(command, target, options)


def _run_python(command: AppCommand, target: Script | Module, options: Options) -> int:
    from hydra_vertex.trial.command.main_module import run_as_main

    _check_hydra_is_installed()
    if os.environ.get(HOOK):
        return run_as_main(target, _below_wrapper(command, options))

    if options.explain:
        _check_app_can_use_hydra(command, target)

    from .explanation_output import output
    from .session import Session

    session = Session(options, command.program, command.arguments)
    session.start()
    exit_code = run_as_main(target, session.hydra_arguments)
    if session.explanation is not None:
        output(session.explanation, command.program, options.json)
        return 0
    if session.error is not None:
        return exit_code or session.error.exit_code
    if exit_code == 0:
        session.check_delivered()
    return exit_code


def _below_wrapper(command: AppCommand, options: Options) -> tuple[str, ...]:
    """Leave the trial to the start-up hook of the hydra-trial above, as in `torchrun -m hydra_vertex.trial train.py`.

    The options given there are preferred to these.
    """
    from hydra_vertex.trial.command.hook import hook_in, with_options

    hook = hook_in(os.environ)
    if hook is not None:
        above = parse_options([*hook.options, SEPARATOR, *options.app])
        os.environ[HOOK] = with_options(hook, merged(above, options).to_arguments())
    return command.arguments


def _check_hydra_is_installed() -> None:
    from importlib.util import find_spec

    if find_spec("hydra") is None:
        raise CommandError(
            f"{sys.executable}, which runs the app, has no hydra-core; install it: "
            f"{shlex.quote(sys.executable)} -m pip install hydra-core"
        )


def _check_app_can_use_hydra(command: AppCommand, target: Script | Module) -> None:
    """Raise CommandError for an app that would train when it is run, because it cannot call `hydra.main`."""
    from pathlib import Path

    from hydra_vertex.trial.command.hydra_use import cannot_use_hydra

    if cannot_use_hydra(target, Path.cwd()):
        raise CommandError(
            f"{shlex.join(command.program)}: neither this file nor what it imports uses Hydra, so there is no config "
            "to explain; start the app with a function that has the decorator @hydra.main"
        )


def _run_untyped(command: AppCommand, program: Program, options: Options) -> int:
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
