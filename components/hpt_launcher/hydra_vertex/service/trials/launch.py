"""Starts the supervisor of a trial, waits for its end, ends it before its time."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from hydra_vertex.protocol.environment import METRIC_FILE
from hydra_vertex.service.system.process_identity import ProcessId, identify, kill_leftovers, terminate, wait_ended

from .launch_spec import LaunchSpec

# Isolated and without site: nothing of the trial's environment changes how the supervisor itself starts.
SUPERVISOR = (sys.executable, "-I", "-S", str(Path(__file__).with_name("supervisor.py")))


class Supervisor:
    """A trial's supervisor: one that was started here, or one that an earlier service has left running."""

    def __init__(self, process: ProcessId, child: subprocess.Popen[bytes] | None = None) -> None:
        self.process = process
        self._child = child

    def start_command(self, order: LaunchSpec) -> None:
        """Let the waiting supervisor start the trial's command."""
        if self._child is None or self._child.stdin is None:
            raise ValueError("an adopted supervisor has its order already")
        try:
            self._child.stdin.write(order.to_line())
            self._child.stdin.close()
        except BrokenPipeError:
            return  # It was killed; that shows as an end without an exit.json.

    def abandon(self) -> None:
        """End the waiting supervisor, which has started nothing."""
        if self._child is not None:
            with self._child:
                self._child.kill()

    def terminate(self) -> None:
        """Ask for the trial's end: SIGTERM, and after a grace SIGKILL, to everything that it has started."""
        terminate(self.process)

    async def ended(self) -> None:
        """Wait for the end of the trial and of everything that it has started."""
        await wait_ended(self.process)
        if self._child is not None:
            await asyncio.to_thread(self._child.wait)


def launch(order: LaunchSpec) -> Supervisor:
    """Start a supervisor that waits for `start_command`, in a session of its own. Raises OSError.

    A service that ends before it has given the order leaves nothing: the supervisor sees the end of its stdin.
    """
    order.folder.clear()
    if order.gpu is not None:
        order.folder.gpu_file.write_text(order.gpu)
    for folder in (order.output_dirs.model, order.output_dirs.checkpoints, order.output_dirs.tensorboard):
        Path(folder).mkdir(parents=True, exist_ok=True)
    child = subprocess.Popen(
        SUPERVISOR,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=None,
        env=dict(order.environ),
        start_new_session=True,
    )
    process = identify(child.pid)
    if process is None:
        raise ChildProcessError(f"its supervisor ended at once, with code {child.wait()}")
    return Supervisor(process, child)


async def remove_leftovers(order: LaunchSpec) -> None:
    """Kill whatever runs of a trial whose supervisor was killed."""
    await kill_leftovers(METRIC_FILE, order.environ[METRIC_FILE])


def own_programs() -> Path:
    """Where `hydra-trial` is: beside this interpreter."""
    return Path(os.path.dirname(sys.executable))  # noqa: PTH120 - not resolved: a virtual environment's python is a link
