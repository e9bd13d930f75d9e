"""Starts, signals and waits for the supervisor process of a trial or custom job."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import hydra_vertex
from hydra_vertex.service.private_folder import make_output_folder
from hydra_vertex.service.system.process_identity import (
    ProcessId,
    identify,
    is_alive,
    resume_stopped,
    send_signal,
    wait_ended,
)

from .launch_spec import LaunchSpec

PROGRAM = str(Path(__file__).parent / "supervisor" / "__main__.py")
BEGIN = b"begin\n"
STARTED: set[int] = set()
"""The pids of the supervisors that this process has started and not reaped yet."""


def supervisor_command(descriptor: int) -> list[str]:
    """Return the command line of a supervisor that reads its order from a file descriptor.

    `-I -S` starts Python isolated and without site, so that the trial's environment does not affect the supervisor.
    """
    paths = os.pathsep.join(str(Path(path).parent) for path in hydra_vertex.__path__)
    return [sys.executable, "-I", "-S", PROGRAM, paths, str(descriptor)]


class Supervisor:
    """A trial's supervisor: started by this service, or by an earlier one and adopted (`child` None)."""

    def __init__(self, process: ProcessId, child: subprocess.Popen[bytes] | None = None) -> None:
        self.process = process
        self._child = child
        if child is not None:
            STARTED.add(child.pid)

    @property
    def was_killed(self) -> bool:
        """Whether it may have ended by a signal or an error, so that processes of the trial may still run."""
        return self._child is None or self._child.returncode != 0

    def has_ended(self) -> bool:
        """Whether it has ended, without waiting. A child of this process is then reaped."""
        if self._child is None:
            return not is_alive(self.process)
        if self._child.poll() is None:
            return False
        STARTED.discard(self._child.pid)
        return True

    def begin(self) -> None:
        """Let the waiting supervisor start the trial's command. Raises ValueError for an adopted supervisor."""
        if self._child is None or self._child.stdin is None:
            raise ValueError("an adopted supervisor has already started its command")
        try:
            # Does not block: the bytes fit into the pipe's buffer.
            self._child.stdin.write(BEGIN)
            self._child.stdin.close()
        except BrokenPipeError:
            return  # It was killed; that is detected later as an end without an exit.json.

    def abandon(self) -> None:
        """Kill the waiting supervisor, which has started nothing yet."""
        if self._child is not None:
            with self._child:
                self._child.kill()
            STARTED.discard(self._child.pid)

    def terminate(self) -> None:
        """Request the trial's end: its processes get SIGTERM, and SIGKILL after the grace period."""
        send_signal(self.process, signal.SIGTERM)

    def kill(self) -> None:
        """Kill the supervisor itself, when it does not respond. The processes of the trial are not signalled."""
        send_signal(self.process, signal.SIGKILL)

    def resume(self) -> bool:
        """Resume the supervisor if it was stopped (SIGSTOP). Returns whether it was stopped."""
        return resume_stopped(self.process)

    async def ended(self) -> None:
        """Wait for the end of the supervisor, and reap it if it is a child of this process."""
        await wait_ended(self.process)
        if self._child is not None:
            if self._child.poll() is None:
                await asyncio.to_thread(self._child.wait)
            STARTED.discard(self._child.pid)


def launch(spec: LaunchSpec) -> Supervisor:
    """Start a supervisor that waits for `begin`, in its own session. Raises OSError.

    If the service ends before it calls `begin`, the supervisor reads the end of its stdin and exits.
    """
    spec.folder.clear()
    if spec.gpu is not None:
        spec.folder.gpu_file.write_text(spec.gpu)
    dirs = spec.output_dirs
    for folder in () if dirs is None else (dirs.model, dirs.checkpoints, dirs.tensorboard):
        make_output_folder(Path(folder), spec.umask)
    # A file and not a pipe: writing an order longer than the pipe's buffer would block.
    with tempfile.TemporaryFile(dir=spec.folder.path) as order:
        order.write(spec.to_order())
        order.seek(0)
        child = subprocess.Popen(
            supervisor_command(order.fileno()),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=None,
            env=dict(spec.environ),
            start_new_session=True,
            pass_fds=(order.fileno(),),
        )
    try:
        process = identify(child.pid)
    except OSError:
        with child:
            child.kill()
        raise
    if process is None:
        raise ChildProcessError(f"its supervisor exited at once with code {child.wait()}")
    return Supervisor(process, child)


def own_programs() -> Path:
    """Return the folder of this interpreter, which also contains `hydra-trial`."""
    return Path(os.path.dirname(sys.executable))  # noqa: PTH120 - not resolved: a link in a virtual environment
