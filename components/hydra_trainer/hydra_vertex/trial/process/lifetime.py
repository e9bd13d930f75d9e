"""From the start of a trial to its end: in this process, or below it when it is process 1 of a container.

A failed trial ends at once, because its machine is paid for. `--hold-on-failure` keeps it for a shell.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from hydra_vertex.protocol.signals import exit_code_of, is_stop_exit_code, kill_message
from hydra_vertex.trial.log import tell
from hydra_vertex.trial.options import Options

if TYPE_CHECKING:
    from .init import Init

INIT_PID = 1
"""The process to which, in its PID namespace, the kernel applies no signal's default action."""

_REFUSED = 2


def live(options: Options, run: Callable[[Options], int]) -> int:
    """Run the trial to its end; its exit code. What `run` raises passes through, and is not held."""
    if os.getpid() == INIT_PID:
        from .init import fork_app

        init = fork_app()
        if init is not None:
            return _live_as_init(options, init)
        # The parent holds, which sees every way to fail.
        return run(replace(options, hold_on_failure_s=0.0))
    exit_code = run(options)
    if _is_held(options, exit_code):
        from .hold import wait_for_stop

        wait_for_stop(options.hold_on_failure_s, lambda: tell(_held(options, exit_code)))
    return exit_code


def _live_as_init(options: Options, init: Init) -> int:
    ended = init.wait_for_app()
    exit_code = exit_code_of(ended.returncode)
    if ended.returncode < 0:
        tell(kill_message(-ended.returncode, ended.stop_signal))
    if ended.stop_signal is None and _is_held(options, exit_code):
        tell(_held(options, exit_code))
        init.wait_for_stop(options.hold_on_failure_s)
    init.end_the_rest()
    return exit_code


def _is_held(options: Options, exit_code: int) -> bool:
    """Not what was told to stop, and not exit code 2: a refused command line, in which a shell finds nothing."""
    is_failure = exit_code not in (0, _REFUSED) and not is_stop_exit_code(exit_code)
    return options.hold_on_failure_s > 0 and is_failure and not options.explain


def _held(options: Options, exit_code: int) -> str:
    name, seconds = os.uname().nodename, f"{options.hold_on_failure_s:g} s"
    return (
        f"the app failed with exit code {exit_code} and is held for {seconds} (--hold-on-failure); get in with "
        f"`docker exec -it {name} sh` or `kubectl exec -it {name} -- sh`, end it with `kill -TERM {os.getpid()}`"
    )
