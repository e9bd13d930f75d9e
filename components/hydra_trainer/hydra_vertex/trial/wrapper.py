"""Runs a program that starts the app, and hands the trial's parameters to the first Hydra app below it."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from hydra_vertex.protocol import json
from hydra_vertex.protocol.command import PROGRAM
from hydra_vertex.protocol.environment import METRIC_FILE
from hydra_vertex.protocol.errors import AppError, CommandError
from hydra_vertex.protocol.explanation import parse_explanation
from hydra_vertex.protocol.signals import exit_code_of, kill_message
from hydra_vertex.trial.command.app_command import AppCommand, Program
from hydra_vertex.trial.command.claim import is_claimed
from hydra_vertex.trial.command.hook import HOOK_FOLDER, Hook, Result, read_result
from hydra_vertex.trial.command.installation import own_installation
from hydra_vertex.trial.command.wrapper_words import (
    check_hook_is_read,
    split_flags,
    split_parameters,
    with_hook_on_path,
)
from hydra_vertex.trial.process.wrapper_process import end_by, run_wrapper
from hydra_vertex.trial.reporting.place import check_place

from .explanation_output import output
from .log import flush_output, tell
from .options import Options


def run_program(command: AppCommand, program: Program, options: Options) -> int:
    """Run the program and return its exit code; a signal that ended it ends this process too.

    Raises CommandError when the program cannot be started, and when nothing below it took up the parameters.
    """
    words, parameters = split_parameters((*command.program, *command.arguments), options.own_words)
    check_hook_is_read(words)
    _check_metric_file(options)
    with tempfile.TemporaryDirectory(prefix="hydra-trial-", ignore_cleanup_errors=True) as folder:
        passed_on = replace(options, json=None, hold_on_failure_s=0.0).to_arguments()
        hook = Hook(Path(folder), passed_on, parameters, words, own_installation())
        is_done: Callable[[], bool] | None = hook.result_file.exists if options.explain else None
        returncode = _run(program, with_hook_on_path(split_flags(words)[0], HOOK_FOLDER), hook, is_done)
        result = read_result(hook) or Result()
        if options.explain:
            return _explained(hook, result, returncode, options)
        is_taken_up = is_claimed(hook.folder)
    if result.is_refusal:
        return result.exit_code
    return _ended(returncode, result, options) if is_taken_up else _not_taken_up(words, parameters, returncode)


def _run(program: Program, words: Sequence[str], hook: Hook, is_done: Callable[[], bool] | None) -> int:
    flush_output()
    try:
        return run_wrapper(program.path, words, hook.to_environ(os.environ), is_done)
    except OSError as error:
        raise CommandError(f"{shlex.quote(program.path)}: cannot be started: {error.strerror}") from error


def _check_metric_file(options: Options) -> None:
    file = os.environ.get(METRIC_FILE)
    if file and not options.explain:
        check_place(Path(file))
        os.environ[METRIC_FILE] = str(Path(file).absolute())  # the program may change the working folder


def _ended(returncode: int, result: Result, options: Options) -> int:
    if returncode < 0:
        tell(kill_message(-returncode, None, "the app's program"))
        if not options.hold_on_failure_s:
            end_by(-returncode)
    return exit_code_of(returncode) or result.exit_code


def _not_taken_up(words: Sequence[str], parameters: Sequence[str], returncode: int) -> int:
    """Return the program's own exit code when it failed, or had nothing to deliver."""
    if returncode < 0:
        end_by(-returncode)
    if returncode == 0 and parameters:
        raise CommandError(_nothing_found(words, parameters))
    tell("no measurement: no app below the program called hydra.main" if returncode == 0 else _hint(words))
    return exit_code_of(returncode)


def _nothing_found(words: Sequence[str], parameters: Sequence[str] = ()) -> str:
    names = ", ".join(dict.fromkeys(parameter[2:].partition("=")[0] for parameter in parameters)) or "its config"
    return f"{_hint(words)}; nothing received {names}"


def _hint(words: Sequence[str]) -> str:
    return (
        f"{shlex.join(words)}: no app below it called hydra.main in a Python that reads PYTHONPATH "
        f"({PROGRAM} puts a folder there; -I, -E, -S and `PYTHONPATH=…` remove it)"
    )


def _explained(hook: Hook, result: Result, returncode: int, options: Options) -> int:
    if result.exit_code:
        return result.exit_code
    if options.socket is not None and hook.result_file.exists():
        return 0  # The app has answered the launcher's questions.
    if not hook.explanation_file.exists():
        if returncode:
            raise AppError(
                f"{shlex.join(hook.words)}: exited with code {exit_code_of(returncode)} before its app started"
            )
        raise CommandError(_nothing_found(hook.words, hook.parameters))
    explanation = parse_explanation(json.loads(hook.explanation_file.read_bytes()))
    output(explanation, explanation.program, options.json)
    return 0
