"""Waits for a stop signal in a process in which the app ran, whose threads and signal handlers still exist."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hydra_vertex.protocol.signals import STOPPING


def wait_for_stop(timeout_s: float, announce: Callable[[], None]) -> None:
    """Wait for a stop signal for at most `timeout_s`. Must run in the main thread.

    `announce` is called when signals are already recorded, so that a signal sent in response is not missed.
    """
    deadline = time.monotonic() + timeout_s
    with _signals_written() as reader:
        announce()
        while (left_s := deadline - time.monotonic()) > 0:
            if select.select([reader], [], [], left_s)[0] and STOPPING.intersection(os.read(reader, 64)):
                return


@contextmanager
def _signals_written() -> Iterator[int]:
    """Yield a file descriptor from which the numbers of received signals are read, one byte each.

    A sleep is not enough: the kernel may deliver the signal to another thread, which does not interrupt the sleep.
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
            # None means a handler that native code installed; Python cannot restore it.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        os.close(reader)
        os.close(writer)
