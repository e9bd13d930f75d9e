"""Starts the supervisor of a trial, lets it begin, ends it before its time."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import hydra_vertex
from hydra_vertex.service.system.process_identity import ProcessId, identify, resume_stopped, send_signal, wait_ended

from .launch_spec import LaunchSpec

PROGRAM = str(Path(__file__).parent / "supervisor" / "__main__.py")
BEGIN = b"begin\n"
STARTED: set[int] = set()
"""The pids of the supervisors that this process has started and not yet reaped."""


def supervisor_command(descriptor: int) -> list[str]:
    """The command line of a supervisor that reads its order from a file descriptor.

    Isolated and without site: nothing of the trial's environment changes how the supervisor itself starts.
    """
    paths = os.pathsep.join(str(Path(path).parent) for path in hydra_vertex.__path__)
    return [sys.executable, "-I", "-S", PROGRAM, paths, str(descriptor)]


class Supervisor:
    """A trial's supervisor: one that was started here, or one that an earlier service has left running."""

    def __init__(self, process: ProcessId, child: subprocess.Popen[bytes] | None = None) -> None:
        self.process = process
        self._child = child
        if child is not None:
            STARTED.add(child.pid)

    @property
    def was_killed(self) -> bool:
        """Whether it is known to have ended otherwise than by itself: then something of the trial may run still."""
        return self._child is None or self._child.returncode != 0

    def begin(self) -> None:
        """Let the waiting supervisor start the trial's command."""
        if self._child is None or self._child.stdin is None:
            raise ValueError("an adopted supervisor has begun already")
        try:
            # A few bytes never wait for a reader: the pipe holds them.
            self._child.stdin.write(BEGIN)
            self._child.stdin.close()
        except BrokenPipeError:
            return  # It was killed; that shows as an end without an exit.json.

    def abandon(self) -> None:
        """End the waiting supervisor, which has started nothing."""
        if self._child is not None:
            with self._child:
                self._child.kill()
            STARTED.discard(self._child.pid)

    def terminate(self) -> None:
        """Ask for the trial's end: SIGTERM, and after a grace SIGKILL, to everything that it has started."""
        send_signal(self.process, signal.SIGTERM)

    def kill(self) -> None:
        """End the supervisor itself, which does not answer any more. What it has started is left."""
        send_signal(self.process, signal.SIGKILL)

    def resume(self) -> bool:
        """Let it go on if somebody has stopped it (SIGSTOP). Whether it was stopped."""
        return resume_stopped(self.process)

    async def ended(self) -> None:
        """Wait for the end of the supervisor."""
        await wait_ended(self.process)
        if self._child is not None:
            if self._child.poll() is None:
                await asyncio.to_thread(self._child.wait)
            STARTED.discard(self._child.pid)


def launch(spec: LaunchSpec) -> Supervisor:
    """Start a supervisor that waits for `begin`, in a session of its own. Raises OSError.

    A service that ends before it has let it begin leaves nothing: the supervisor sees the end of its stdin.
    """
    spec.folder.clear()
    if spec.gpu is not None:
        spec.folder.gpu_file.write_text(spec.gpu)
    for folder in (spec.output_dirs.model, spec.output_dirs.checkpoints, spec.output_dirs.tensorboard):
        Path(folder).mkdir(parents=True, exist_ok=True)
    # A file and not a pipe: an order may be longer than a pipe holds, and would then wait for its reader.
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
        raise ChildProcessError(f"its supervisor ended at once, with code {child.wait()}")
    return Supervisor(process, child)


def own_programs() -> Path:
    """Where `hydra-trial` is: beside this interpreter."""
    return Path(os.path.dirname(sys.executable))  # noqa: PTH120 - not resolved: a virtual environment's python is a link
