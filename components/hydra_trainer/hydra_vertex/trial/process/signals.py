"""What signals mean for a process: which of them tell it to stop, its exit code, and words for its death. Pure."""

from __future__ import annotations

import signal

STOPPING = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT})
"""The signals by which a person or a container runtime tells a process to stop."""

INIT_PID = 1
"""The process to which, in its PID namespace, the kernel applies no signal's default action."""

_EXIT_BASE = 128
_OFTEN: dict[int, str] = {
    signal.SIGKILL: "a container that ran out of memory ends like this",
    signal.SIGBUS: "too little shared memory in /dev/shm ends like this (docker run --shm-size)",
    signal.SIGSEGV: "native code crashed; PYTHONFAULTHANDLER=1 shows where",
    signal.SIGABRT: "native code gave up, and its last words stand above; PYTHONFAULTHANDLER=1 shows where",
    signal.SIGFPE: "native code crashed; PYTHONFAULTHANDLER=1 shows where",
    signal.SIGILL: "native code was built for another processor",
}


def exit_code_of(returncode: int) -> int:
    """As a shell shows it: 128 + n for a death by signal n, which Python's return codes give as -n."""
    return returncode if returncode >= 0 else _EXIT_BASE - returncode


def is_told_to_stop(exit_code: int) -> bool:
    """Whether this is the exit code of a process that ended because it was told to."""
    return exit_code - _EXIT_BASE in STOPPING


def death(number: int, told: int | None) -> str:
    """One sentence on the app that signal `number` killed. `told` is the signal by which it was told to stop before."""
    if told is None:
        often = _OFTEN.get(number)
        return f"the app was killed by {signal_name(number)}{f'; {often}' if often else ''}"
    if told == number:
        return f"the app was ended by {signal_name(number)}, which told it to stop"
    return f"the app was killed by {signal_name(number)} after {signal_name(told)} had told it to stop"


def signal_name(number: int) -> str:
    """`signal 9 (SIGKILL)`; the number alone where the signal has no name."""
    try:
        return f"signal {number:d} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number:d}"
