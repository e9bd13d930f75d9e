"""Runs one trial's command, and lives on when the tuning service does not. It imports little and nothing of ours.

It reads one line of JSON from stdin (`Order`'s fields) and starts nothing when stdin ends without one: the service
sends the line once it has recorded this process. What it has to say goes into two files of the trial's folder:

    log.txt     what the command printed, beginning and end when it is more than the limit
    exit.json   how it ended, written when nothing of it runs any more

SIGTERM ends the trial: SIGTERM to its process group, SIGKILL after the grace to everything it started. A trial whose
processes need more memory than the limit is killed at once, as the kernel would.
"""

from __future__ import annotations

# Importing pathlib would take as long as everything else here:
# ruff: noqa: PTH103, PTH104, PTH105, PTH108, PTH112, PTH114, PTH118, PTH120, PTH123, PTH208
import ctypes
import json
import os
import select
import signal
import sys
import time

PR_SET_CHILD_SUBREAPER = 36
READ_BYTES = 1 << 16
SWEEP_LIMIT_S = 5.0
SWEEP_PAUSE_S = 0.005
REPORT_LIMIT_S = 7 * 24 * 3600.0
"""How long a full disk is waited for. After that the trial counts as lost, and runs again."""
MEMORY_INTERVAL_S = 0.5
MEMORY_SHARE = 0.02
"""The most of one CPU that watching a trial's memory may take."""
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class LaunchOrder:
    """What the service orders; durations in seconds."""

    def __init__(self, line: bytes) -> None:
        fields = json.loads(line)
        self.command: list[str] = fields["command"]
        self.directory: str = fields["directory"]
        self.timeout_s: float = fields["timeout_s"]
        self.grace_s: float = fields["grace_s"]
        self.log_limit_bytes: int = fields["log_limit_bytes"]
        self.memory_limit_bytes: int | None = fields.get("memory_limit_bytes")
        self.nice: int = fields.get("nice", 0)


class CappedLog:
    """A file that keeps the first quarter of what is too much for it, and at least the last one."""

    def __init__(self, path: str, limit_bytes: int) -> None:
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666)
        except OSError:
            self._file = os.open(os.devnull, os.O_RDWR)
        # No write is more than a quarter of the limit: there is always something to leave out, and then room.
        self._limit = max(limit_bytes, 4 * READ_BYTES)
        self._size = 0
        self._left_out = 0

    def write(self, data: bytes) -> None:
        """Append. A full disk loses lines of the log, never the trial."""
        try:
            if self._size + len(data) > self._limit:
                self._compact()
            self._size += os.write(self._file, data)
        except OSError:
            return

    def _compact(self) -> None:
        quarter = self._limit // 4
        tail = os.pread(self._file, quarter, self._size - quarter)
        self._left_out += self._size - 2 * quarter
        note = f"\n[... {self._left_out} bytes of log left out here ...]\n".encode()
        os.ftruncate(self._file, quarter)
        os.lseek(self._file, quarter, os.SEEK_SET)
        self._size = quarter + os.write(self._file, note + tail)


class Trial:
    """The running command, its log and its clock."""

    def __init__(self, order: LaunchOrder) -> None:
        self.order = order
        self.log = CappedLog(os.path.join(order.directory, "log.txt"), order.log_limit_bytes)
        self.wakeup = _wake_on_signals(self)
        self.output, self._output_end = _nonblocking_pipe()
        self.pid = 0
        self.status: int | None = None
        self.timed_out = False
        self.stop_requested = False
        self.kill_at = 0.0
        self.memory_bytes: int | None = None
        self.weigh_at = 0.0 if order.memory_limit_bytes else float("inf")

    def run(self) -> dict[str, object]:
        """Run the command to its end, and leave nothing of it behind. Returns exit.json's content."""
        started, clock_s = time.time(), time.monotonic()
        try:
            self.pid = _spawn(self.order.command, self._output_end)
        except (OSError, ValueError) as error:
            return {"started": started, "ended": time.time(), "error": f"{self.order.command[0]!r}: {_reason(error)}"}
        finally:
            os.close(self._output_end)
        self._watch(deadline=time.monotonic() + self.order.timeout_s)
        self._sweep()
        self._pump(READ_BYTES * 16)
        return {"started": started, "ended": started + time.monotonic() - clock_s, **self._ending()}

    def _watch(self, deadline: float) -> None:
        poller = select.poll()
        poller.register(self.output, select.POLLIN)
        poller.register(self.wakeup, select.POLLIN)
        while self.status is None:
            now = time.monotonic()
            if now >= deadline and not self.kill_at:
                self.timed_out = True
                self._terminate()
            if self.stop_requested and not self.kill_at:
                self._terminate()
            if now >= self.weigh_at and self.memory_bytes is None:
                self._weigh(self.order.memory_limit_bytes or 0)
            if self.kill_at and now >= self.kill_at:
                _signal_group(self.pid, signal.SIGKILL)
            wait_s = max(0.0, (self.kill_at or deadline) - now) if now < (self.kill_at or deadline) else 0.1
            wait_s = min(wait_s, max(0.0, self.weigh_at - now), 3600.0)
            for descriptor, events in poller.poll(wait_s * 1000):
                if descriptor == self.wakeup:
                    os.read(self.wakeup, READ_BYTES)
                elif not self._pump(READ_BYTES) and events & select.POLLHUP:
                    poller.unregister(self.output)
            self._reap()

    def _terminate(self) -> None:
        self.kill_at = time.monotonic() + self.order.grace_s
        _signal_group(self.pid, signal.SIGTERM)

    def _weigh(self, limit_bytes: int) -> None:
        """Kill the command when its processes need more than the limit; the time for the next look is set."""
        began = time.monotonic()
        used = _memory_bytes(_descendants(os.getpid()), limit_bytes)
        if used > limit_bytes:
            self.memory_bytes = used
            self.kill_at = began
        ended = time.monotonic()
        self.weigh_at = ended + max(MEMORY_INTERVAL_S, (ended - began) / MEMORY_SHARE)

    def _pump(self, limit_bytes: int) -> bool:
        """Move output to the log, at most about `limit_bytes`; False at the end of the output."""
        moved = 0
        while moved < limit_bytes:
            try:
                data = os.read(self.output, READ_BYTES)
            except BlockingIOError:
                return True
            if not data:
                return False
            self.log.write(data)
            moved += len(data)
        return True

    def _reap(self) -> bool:
        """Collect every child that has ended; False when there is no child left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.pid:
                self.status = status

    def _sweep(self) -> None:
        """Kill what the command left behind. As a subreaper this process is the parent of every orphan among it."""
        _signal_group(self.pid, signal.SIGKILL)
        give_up = time.monotonic() + SWEEP_LIMIT_S
        while self._reap() and time.monotonic() < give_up:
            for pid in _descendants(os.getpid()):
                _signal(pid, signal.SIGKILL)
            time.sleep(SWEEP_PAUSE_S)

    def _ending(self) -> dict[str, object]:
        code = os.waitstatus_to_exitcode(self.status or 0)
        return {
            "code": code if code >= 0 else None,
            "signal": -code if code < 0 else None,
            "timed_out": self.timed_out,
            # A stop that came when the command had ended by itself is none.
            "stopped": bool(self.kill_at) and not self.timed_out and self.memory_bytes is None,
            "memory_bytes": self.memory_bytes,
        }


def _spawn(command: list[str], output: int) -> int:
    """Start the command in its own process group, stdin from /dev/null. Raises OSError when it cannot be started."""
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, output, 1),
        (os.POSIX_SPAWN_DUP2, output, 2),
    ]
    # Python ignores these two, and what is ignored stays so in the command; a shell pipeline in it needs them back.
    default = [signal.SIGPIPE, signal.SIGXFSZ]
    return os.posix_spawnp(
        command[0], command, os.environ, file_actions=actions, setpgroup=0, setsigmask=[], setsigdef=default
    )


def _wake_on_signals(trial: Trial) -> int:
    """A descriptor that is readable after SIGTERM and after a child's end."""

    def request_stop(_number: int, _frame: object) -> None:
        trial.stop_requested = True

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


def _descendants(root: int) -> list[int]:
    """Every process below `root`, by /proc; none where there is no /proc."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if name.isdigit():
            children.setdefault(_parent(name), []).append(int(name))
    found: list[int] = []
    level = children.get(root, [])
    while level:
        found += level
        level = [child for pid in level for child in children.get(pid, [])]
    return found


def _parent(pid: str) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The command's name, in parentheses, may hold anything; the fields behind it may not.
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return 0


def _memory_bytes(pids: list[int], limit_bytes: int) -> int:
    """The memory of processes, no page counted twice; a cheap upper bound when even that is within the limit."""
    resident = sum(_resident_bytes(pid) for pid in pids)
    return resident if resident <= limit_bytes else sum(_needed_bytes(pid) for pid in pids)


def _resident_bytes(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * PAGE_BYTES
    except (OSError, IndexError, ValueError):
        return 0


def _needed_bytes(pid: int) -> int:
    """What a process holds that the kernel cannot drop: its share of anonymous and of shared memory, not of files."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            shares = dict(line.split(b":", 1) for line in file.read().splitlines()[1:])
        return sum(int(shares[name].split()[0]) * 1024 for name in (b"Pss_Anon", b"Pss_Shmem"))
    except (OSError, KeyError, ValueError):
        return _resident_bytes(pid)


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except OSError:
        return


def _signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except OSError:
        return


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)


def _adopt_orphans() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _write_whole(path: str, content: bytes) -> None:
    """Write beside `path` and rename over it. Whatever the trial has put there gives way. Raises OSError."""
    part = f"{path}.{os.getpid()}.part"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    for place in (part, path):
        _make_way(place)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def _make_way(path: str) -> None:
    """Remove a file; a folder is kept under another name."""
    if os.path.isdir(path) and not os.path.islink(path):
        os.rename(path, f"{path}.{time.time_ns()}.aside")
    elif os.path.lexists(path):
        os.unlink(path)


def main() -> int:
    """Wait for the order, run it, report."""
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):
        return 0
    order = LaunchOrder(line)
    os.nice(order.nice)
    _adopt_orphans()
    ending = Trial(order).run()
    _report(os.path.join(order.directory, "exit.json"), json.dumps(ending).encode())
    return 0


def _report(path: str, content: bytes) -> None:
    """Write how the command ended. While the disk is full this process stays, and knows it."""
    give_up, pause_s = time.monotonic() + REPORT_LIMIT_S, 0.1
    while True:
        try:
            return _write_whole(path, content)
        except OSError:
            if time.monotonic() >= give_up:
                raise
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, 2.0)


if __name__ == "__main__":
    sys.exit(main())
