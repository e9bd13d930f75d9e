"""Signals of a process: the signals that request a stop, exit codes, and messages about a process that a signal killed.

The functions are pure. The module imports few others, to load fast.
"""

from __future__ import annotations

import signal

STOPPING = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT})
"""The signals with which a user or a container runtime requests that a process stops."""

FAULTS = frozenset(
    {
        signal.SIGILL,
        signal.SIGTRAP,
        signal.SIGABRT,
        signal.SIGBUS,
        signal.SIGFPE,
        signal.SIGSEGV,
        signal.SIGSYS,
    }
)
"""The signals that a process receives for an error in its own code."""

INIT_PID = 1
"""The pid of the init process of a PID namespace, to which the kernel applies no default actions of signals."""

_EXIT_BASE = 128
_LIKELY_CAUSES: dict[int, str] = {
    signal.SIGKILL: "a container that ran out of memory ends like this",
    signal.SIGBUS: "too little shared memory in /dev/shm ends like this (docker run --shm-size)",
    signal.SIGSEGV: "native code crashed; PYTHONFAULTHANDLER=1 shows where",
    signal.SIGABRT: "native code aborted, and its error message is above; PYTHONFAULTHANDLER=1 shows where",
    signal.SIGFPE: "native code crashed; PYTHONFAULTHANDLER=1 shows where",
    signal.SIGILL: "native code was built for another processor",
}


def exit_code_of(returncode: int) -> int:
    """Return the exit code that a shell shows: 128 + n if signal n killed the process (Python's return code is -n)."""
    return returncode if returncode >= 0 else _EXIT_BASE - returncode


def is_stop_exit_code(exit_code: int) -> bool:
    """Whether this is the exit code of a process that a stop signal ended."""
    return exit_code - _EXIT_BASE in STOPPING


def signal_name(number: int) -> str:
    """Return `signal 9 (SIGKILL)`; without the name when the signal has none."""
    try:
        return f"signal {number:d} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number:d}"


def likely_cause(number: int) -> str | None:
    """Return the usual cause when this signal kills a process without a stop request; None when there is none."""
    return _LIKELY_CAUSES.get(number)


def kill_message(number: int, stop_signal: int | None, subject: str = "the app") -> str:
    """Return one sentence about a process that signal `number` killed.

    `stop_signal` is the stop signal that the process received before; None when it received none.
    """
    if stop_signal is None:
        cause = likely_cause(number)
        return f"{subject} was killed by {signal_name(number)}{f'; {cause}' if cause else ''}"
    if stop_signal == number:
        return f"{subject} was ended by {signal_name(number)}, which told it to stop"
    return f"{subject} was killed by {signal_name(number)} after {signal_name(stop_signal)} had told it to stop"
