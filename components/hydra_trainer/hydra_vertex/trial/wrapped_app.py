"""The app of a trial that another program has started: takes up what the waiting hydra-trial handed over."""

from __future__ import annotations

import os
import sys
import time
from typing import NoReturn

from hydra_vertex.protocol.errors import HydraVertexError
from hydra_vertex.trial.command.claim import claim, is_claimed
from hydra_vertex.trial.command.hook import Hook, Result, hook_in, remove_hook, write_result
from hydra_vertex.trial.command.wrapper_words import not_passed_on, program_words, split_flags
from hydra_vertex.trial.config.hydra_main import Launch, replace_hydra_main
from hydra_vertex.trial.config.outside_main import watch_hydra

from .explanation_output import write_explanation
from .log import flush_output, tell
from .option_parser import parse_options
from .session import Session, outside_main_error

_PARKED_S = 60.0
"""Time limit in which the waiting hydra-trial kills this process, after it has explained the app."""


def await_main() -> None:
    """Wrap `hydra.main`, which this process has just imported."""
    app = _WrappedApp()
    replace_hydra_main(app.on_launch)
    watch_hydra(app.on_hydra_created)


class _WrappedApp:
    """Decides at the first call of a main whether this process is the trial; every other app runs as without us."""

    def __init__(self) -> None:
        self._launched = False
        self._hook: Hook | None = None
        self._session: Session | None = None

    def on_launch(self, launch: Launch, config_name: str | None) -> object:
        """Run the app: as the trial, with its parameters, or unchanged."""
        if not self._launched:
            self._launched = True
            self._take_up()
        if self._session is None or self._hook is None:
            return launch()
        try:
            return self._session.on_launch(launch, config_name)
        finally:
            self._finish(self._hook, self._session)

    def on_hydra_created(self, caller: str) -> None:
        """Exit when an app starts Hydra without `hydra.main`, before the trial's app was found."""
        if self._launched:
            return
        hook = hook_in(os.environ)
        if hook is None or is_claimed(hook.folder):
            return
        options = parse_options([*hook.options, "--", "app"])
        error = outside_main_error(caller, hook.parameters, options)
        if error is not None:
            self._launched = True
            _refuse(hook, error, is_parked=options.explain)

    def _take_up(self) -> None:
        hook = hook_in(os.environ)
        remove_hook(os.environ)
        if hook is None or not claim(hook.folder, os.environ):
            return
        options = parse_options([*hook.options, "--", *hook.words])
        words, flags = split_flags(hook.words)
        sys.argv.extend((*not_passed_on(words, sys.argv[1:]), *flags))
        arguments = [*sys.argv[1:], *hook.parameters]
        try:
            self._session = Session(options, program_words(hook.words), arguments)
            self._session.prepare()
        except HydraVertexError as error:
            _refuse(hook, error, is_parked=options.explain)
        self._hook = hook

    def _finish(self, hook: Hook, session: Session) -> None:
        error = session.error
        if error is not None:
            write_result(hook, Result(error.exit_code, is_refusal=not session.was_delivered))
        if session.is_explaining:
            if session.explanation is not None:
                write_explanation(session.explanation, hook.explanation_file)
            write_result(hook, Result(0 if error is None else error.exit_code, is_refusal=error is not None))
            _park()


def _refuse(hook: Hook, error: HydraVertexError, *, is_parked: bool) -> NoReturn:
    tell(str(error))
    write_result(hook, Result(error.exit_code, is_refusal=True))
    if is_parked:
        _park()
    raise SystemExit(error.exit_code)


def _park() -> NoReturn:
    """Wait to be killed with the program that started this app, so that neither goes on."""
    flush_output()
    time.sleep(_PARKED_S)
    os._exit(1)
