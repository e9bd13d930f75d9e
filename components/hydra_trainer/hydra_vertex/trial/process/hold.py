"""Waits in a process that somebody else's code has run in, with its threads and signal handlers still there."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hydra_vertex.protocol.signals import STOPPING


def wait_for_stop(timeout_s: float, announce: Callable[[], None]) -> None:
    """Wait for a signal that tells this process to stop, at most `timeout_s`. Must run in the main thread.

    `announce` is called when a signal that answers it cannot be missed any more.
    """
    deadline = time.monotonic() + timeout_s
    with _signals_written() as reader:
        announce()
        while (left_s := deadline - time.monotonic()) > 0:
            if select.select([reader], [], [], left_s)[0] and STOPPING.intersection(os.read(reader, 64)):
                return


@contextmanager
def _signals_written() -> Iterator[int]:
    """A descriptor from which the numbers of coming signals are read, one byte each.

    Nothing else will do: a signal may be given to any thread, and then ends no sleep of this one.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = {number: signal.signal(number, lambda *_: None) for number in STOPPING}
    wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            # None is a handler that native code has installed; Python cannot put it back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        os.close(reader)
        os.close(writer)
