"""What signals mean for a process: which tell it to stop, its exit code, words for its death. Pure; imports little."""

from __future__ import annotations

import signal

STOPPING = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT})
"""The signals by which a person or a container runtime tells a process to stop."""

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
"""The signals that a process gets for a fault of its own."""

_EXIT_BASE = 128
_LIKELY_CAUSES: dict[int, str] = {
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


def signal_name(number: int) -> str:
    """`signal 9 (SIGKILL)`; the number alone where the signal has no name."""
    try:
        return f"signal {number:d} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number:d}"


def likely_cause(number: int) -> str | None:
    """What a process has often died of that nobody told to stop, as one phrase; None where there is no usual cause."""
    return _LIKELY_CAUSES.get(number)


def death(number: int, told: int | None, subject: str = "the app") -> str:
    """One sentence on a process that signal `number` killed. `told` is the signal that told it to stop before."""
    if told is None:
        cause = likely_cause(number)
        return f"{subject} was killed by {signal_name(number)}{f'; {cause}' if cause else ''}"
    if told == number:
        return f"{subject} was ended by {signal_name(number)}, which told it to stop"
    return f"{subject} was killed by {signal_name(number)} after {signal_name(told)} had told it to stop"
