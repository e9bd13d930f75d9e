"""Runs a trial: in this process, or in a child process when this is process 1 of a container.

A failed trial exits at once, because its machine costs money. `--hold-on-failure` keeps it running for a shell.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from hydra_vertex.protocol.signals import INIT_PID, exit_code_of, is_stop_exit_code, kill_message
from hydra_vertex.trial.log import tell
from hydra_vertex.trial.options import Options

if TYPE_CHECKING:
    from .init import Init

_REFUSED = 2


class Companion(Protocol):
    """Work beside the app, in the process that waits for it."""

    def start(self) -> None:
        """Start the work. The app has just been started."""

    def finish(self) -> None:
        """Finish the work. The app has ended."""


def live(options: Options, run: Callable[[Options], int], companion: Companion | None = None) -> int:
    """Run the trial and return its exit code. Exceptions of `run` are passed on without a hold.

    With a companion, the app runs in a child process everywhere.
    """
    if os.getpid() == INIT_PID or companion is not None:
        from .init import fork_app

        init = fork_app()
        if init is not None:
            return _live_as_init(options, init, companion)
        # The parent process does the hold, because it sees every kind of failure.
        return run(replace(options, hold_on_failure_s=0.0))
    exit_code = run(options)
    if _is_held(options, exit_code):
        from .hold import wait_for_stop

        wait_for_stop(options.hold_on_failure_s, lambda: tell(_hold_message(options, exit_code)))
    return exit_code


def _live_as_init(options: Options, init: Init, companion: Companion | None) -> int:
    if companion is not None:
        companion.start()
    ended = init.wait_for_app()
    if companion is not None:
        companion.finish()
    exit_code = exit_code_of(ended.returncode)
    if ended.returncode < 0:
        tell(kill_message(-ended.returncode, ended.stop_signal))
    if ended.stop_signal is None and _is_held(options, exit_code):
        tell(_hold_message(options, exit_code))
        init.wait_for_stop(options.hold_on_failure_s)
    init.stop_remaining()
    return exit_code


def _is_held(options: Options, exit_code: int) -> bool:
    """Whether to hold. False after a stop signal and for exit code 2: a refused command leaves nothing to inspect."""
    is_failure = exit_code not in (0, _REFUSED) and not is_stop_exit_code(exit_code)
    return options.hold_on_failure_s > 0 and is_failure and not options.explain


def _hold_message(options: Options, exit_code: int) -> str:
    name, seconds = os.uname().nodename, f"{options.hold_on_failure_s:g} s"
    return (
        f"the app failed with exit code {exit_code} and is held for {seconds} (--hold-on-failure); open a shell with "
        f"`docker exec -it {name} sh` or `kubectl exec -it {name} -- sh`, end the hold with `kill -TERM {os.getpid()}`"
    )
