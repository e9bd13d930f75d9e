"""Runs the command: its start, log, time and memory limits, and the record of its end."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import time

from hydra_vertex.protocol.process_tree import descendants
from hydra_vertex.protocol.reaping import exited_code, reap_exited
from hydra_vertex.protocol.shortage import NO_RESOURCES

from . import files, process_tree
from .capped_log import READ_BYTES, CappedLog
from .order import LaunchOrder

TYPE_CHECKING = False  # importing typing takes half as long as all the rest
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")

SWEEP_LIMIT_S = 5.0
SWEEP_PAUSE_S = 0.005
LONGEST_PAUSE_S = 3600.0
START_LIMIT_S = 600.0
"""How long to wait for processes, memory or descriptors before the command counts as impossible to start."""
MEMORY_INTERVAL_S = 0.5
MEMORY_SHARE = 0.02
"""Maximum share of one CPU that measuring a trial's memory may take."""


class SupervisedCommand:
    """One run of the command of an order."""

    def __init__(self, order: LaunchOrder) -> None:
        self.order = order
        self.log = CappedLog(order.path("log.txt"), order.log_limit_bytes)
        self.wakeup = _wake_on_signals(self)
        self.output, self._output_end = _nonblocking_pipe()
        self.pid = 0
        self.exit_code: int | None = None
        """-n after signal n; None while the command runs."""
        self.is_recorded = False
        self.timed_out = False
        self.stop_requested = False
        self.kill_at = 0.0
        self.memory_bytes: int | None = None
        self.memory_check_at = 0.0 if order.memory_limit_bytes else float("inf")

    def run(self) -> None:
        """Run the command to its end, record the end, and kill the processes that it left behind."""
        started, clock_s = time.time(), time.monotonic()
        try:
            self.pid = self._start()
        except (OSError, ValueError) as error:
            problem = f"{self.order.command[0]!r}: {_reason(error)}"
            files.write_until_done(self.order.path("exit.json"), self._report(started, time.time(), error=problem))
            return
        finally:
            os.close(self._output_end)
        process = {"pid": self.pid, "start_ticks": process_tree.start_ticks(self.pid)}
        files.write(self.order.path("command.json"), json.dumps(process).encode())
        self._watch(deadline=time.monotonic() + self.order.timeout_s)
        self._record(self._report(started, started + time.monotonic() - clock_s, **self._exit_status()))

    def _record(self, report: bytes) -> None:
        """Write the exit before anything else, in case this process is killed. A full disk does not delay the sweep."""
        path = self.order.path("exit.json")
        is_written = files.write(path, report)
        self.is_recorded = True
        self._sweep()
        self._copy_output(READ_BYTES * 16)
        if not is_written:
            files.write_until_done(path, report)

    def _report(self, started: float, ended: float, **how: object) -> bytes:
        return json.dumps({"started": started, "ended": ended, "token": self.order.token, **how}).encode()

    def _start(self) -> int:
        """Start the command, with retries in a shortage until a stop is requested."""
        if self.order.open_files is not None:
            hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.order.open_files, hard_limit))
        return _repeated_in_shortage(lambda: _spawn(self.order, self._output_end), lambda: self.stop_requested)

    def _watch(self, deadline: float) -> None:
        poller = select.poll()
        poller.register(self.output, select.POLLIN)
        poller.register(self.wakeup, select.POLLIN)
        while not self._has_exited():
            self._apply_limits(deadline)
            for descriptor, events in poller.poll(self._pause_s(deadline) * 1000):
                if descriptor == self.wakeup:
                    os.read(self.wakeup, READ_BYTES)
                elif not self._copy_output(READ_BYTES) and events & select.POLLHUP:
                    poller.unregister(self.output)
            self._reap()

    def _apply_limits(self, deadline: float) -> None:
        now = time.monotonic()
        if now >= deadline and not self.kill_at:
            self.timed_out = True
            self._terminate()
        if self.stop_requested and not self.kill_at:
            self._terminate()
        if now >= self.memory_check_at and self.memory_bytes is None:
            self._check_memory(self.order.memory_limit_bytes or 0)
        if self.kill_at and now >= self.kill_at:
            process_tree.signal_group(self.pid, signal.SIGKILL)

    def _pause_s(self, deadline: float) -> float:
        """How long to wait until the next limit has to be checked."""
        now = time.monotonic()
        next_limit = self.kill_at or deadline
        pause_s = next_limit - now if now < next_limit else 0.1
        return min(pause_s, max(0.0, self.memory_check_at - now), LONGEST_PAUSE_S)

    def _has_exited(self) -> bool:
        """Whether the command has exited. It is not reaped here: a later parent can still read its status."""
        if self.exit_code is None:
            self.exit_code = exited_code(self.pid)
        return self.exit_code is not None

    def _terminate(self) -> None:
        self.kill_at = time.monotonic() + self.order.grace_s
        process_tree.signal_group(self.pid, signal.SIGTERM)

    def _check_memory(self, limit_bytes: int) -> None:
        """Kill the command when its processes use more than the limit, and schedule the next check."""
        began = time.monotonic()
        used = process_tree.memory_bytes(descendants(os.getpid()), limit_bytes)
        if used > limit_bytes:
            self.memory_bytes = used
            self.kill_at = began
        ended = time.monotonic()
        self.memory_check_at = ended + max(MEMORY_INTERVAL_S, (ended - began) / MEMORY_SHARE)

    def _copy_output(self, limit_bytes: int) -> bool:
        """Copy output to the log, about `limit_bytes` at most. Returns False at the end of the output."""
        copied = 0
        while copied < limit_bytes:
            try:
                data = os.read(self.output, READ_BYTES)
            except BlockingIOError:
                return True
            if not data:
                return False
            self.log.write(data)
            copied += len(data)
        return True

    def _reap(self) -> bool:
        """Reap exited children, including re-parented orphans. Returns False when no child is left.

        The command itself stays a zombie until its exit is recorded.
        """
        return reap_exited(spared=0 if self.is_recorded else self.pid)[1]

    def _sweep(self) -> None:
        """Kill the processes that the command left behind. As a subreaper, this process is the parent of orphans."""
        process_tree.signal_group(self.pid, signal.SIGKILL)
        give_up = time.monotonic() + SWEEP_LIMIT_S
        while self._reap() and time.monotonic() < give_up:
            for pid in descendants(os.getpid()):
                process_tree.send_signal(pid, signal.SIGKILL)
            time.sleep(SWEEP_PAUSE_S)

    def _exit_status(self) -> dict[str, object]:
        code = self.exit_code or 0
        return {
            "code": code if code >= 0 else None,
            "signal": -code if code < 0 else None,
            "timed_out": self.timed_out,
            # A stop requested after the command exited does not count.
            "stopped": bool(self.kill_at) and not self.timed_out and self.memory_bytes is None,
            "memory_bytes": self.memory_bytes,
        }


def prepare(order: LaunchOrder) -> SupervisedCommand:
    """Return a command ready to run. Waits while its pipes and log cannot be opened because of a shortage."""
    return _repeated_in_shortage(lambda: SupervisedCommand(order), lambda: False)


def _repeated_in_shortage(act: Callable[[], T], is_stopped: Callable[[], bool]) -> T:
    """Repeat `act` in a shortage. Raises its OSError after START_LIMIT_S, or when a stop is requested."""
    give_up, pause_s = time.monotonic() + START_LIMIT_S, 0.05
    while True:
        try:
            return act()
        except OSError as error:
            if error.errno not in NO_RESOURCES or is_stopped() or time.monotonic() >= give_up:
                raise
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, 2.0)


def _spawn(order: LaunchOrder, output: int) -> int:
    """Start the command in its own process group with stdin from /dev/null. Raises OSError when that fails."""
    command = order.command
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, output, 1),
        (os.POSIX_SPAWN_DUP2, output, 2),
    ]
    # Python ignores these two signals, and children inherit that; shell pipelines need the default actions.
    default = [signal.SIGPIPE, signal.SIGXFSZ]
    own_umask = os.umask(order.umask) if order.umask >= 0 else None
    try:
        return os.posix_spawnp(
            command[0], command, os.environ, file_actions=actions, setpgroup=0, setsigmask=[], setsigdef=default
        )
    finally:
        if own_umask is not None:
            os.umask(own_umask)


def _wake_on_signals(command: SupervisedCommand) -> int:
    """Return a descriptor that becomes readable after SIGTERM and after the end of a child."""

    def request_stop(_number: int, _frame: object) -> None:
        command.stop_requested = True

    reader, writer = _nonblocking_pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, request_stop)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    return reader


def _nonblocking_pipe() -> tuple[int, int]:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    return reader, writer


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
