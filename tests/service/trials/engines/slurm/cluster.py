"""A Slurm cluster that tests may use: the one that SLURM_CONF names. They need its administrator's rights."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.harness import is_running, wait_until


def why_not() -> str:
    """Return why there is no cluster for tests; empty when there is one."""
    if not os.environ.get("SLURM_CONF"):
        return "needs a Slurm cluster: SLURM_CONF is not set"
    try:
        ping = subprocess.run(["scontrol", "ping"], capture_output=True, timeout=10, text=True)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"needs a Slurm cluster: {error}"
    return "" if ping.returncode == 0 else f"needs a Slurm cluster: {ping.stdout}{ping.stderr}"


REASON = why_not()
needs_cluster = pytest.mark.skipif(bool(REASON), reason=REASON)


def scontrol(*words: str) -> str:
    return subprocess.run(["scontrol", *words], capture_output=True, check=True, text=True, timeout=30).stdout


def sbatch(*words: str) -> str:
    return subprocess.run(["sbatch", "--parsable", *words], capture_output=True, check=True, text=True).stdout.strip()


def jobs_named(name: str) -> list[str]:
    """Return the ids of the waiting and running jobs with a name."""
    command = ["squeue", "--noheader", f"--name={name}", "--format=%i"]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()


def config(key: str) -> str:
    match = re.search(rf"^{key}\s*= (.*)$", scontrol("show", "config"), re.MULTILINE)
    assert match, key
    return match[1].strip()


@contextmanager
def node_down(node: str) -> Iterator[None]:
    """Within this context the controller takes a node for lost."""
    scontrol("update", f"NodeName={node}", "State=DOWN", "Reason=test")
    try:
        yield
    finally:
        # It may have returned by itself (ReturnToService), which makes this an error.
        subprocess.run(["scontrol", "update", f"NodeName={node}", "State=RESUME"], capture_output=True, timeout=30)


def wait_for_nodes() -> None:
    """Wait until all nodes take jobs."""
    command = ["sinfo", "--noheader", "--Node", "--format=%N %T"]

    def are_ready() -> bool:
        rows = [row.split() for row in subprocess.run(command, capture_output=True, text=True).stdout.splitlines()]
        for node in {node for node, state in rows if "drain" in state or "down" in state}:
            # A controller that was killed starts jobs twice, and drains the node for it.
            subprocess.run(["scontrol", "update", f"NodeName={node}", "State=RESUME"], capture_output=True, timeout=30)
        return bool(rows) and all(state in {"idle", "mixed", "allocated", "completing"} for _, state in rows)

    wait_until(are_ready, 60)


class Controller:
    """The process of slurmctld, which can be ended and started again."""

    def __init__(self) -> None:
        self.pid_file = Path(config("SlurmctldPidFile"))
        self.pid = int(self.pid_file.read_text())

    def stop(self, signal_number: signal.Signals = signal.SIGTERM) -> None:
        os.kill(self.pid, signal_number)
        wait_until(lambda: not is_running(self.pid), 30)

    def start(self) -> None:
        """Start it, and write its id where that of the first one was written."""
        subprocess.run(["slurmctld"], check=True, timeout=30)
        wait_until(lambda: subprocess.run(["scontrol", "ping"], capture_output=True).returncode == 0, 30)
        # It may have lost how jobs ended. Nodes tell it when they register, otherwise after minutes.
        scontrol("reconfigure")
        for file in self.pid_file.parent.glob("*.pid"):
            if file.read_text().strip() == str(self.pid):
                file.write_text(self.pid_file.read_text())


@contextmanager
def no_controller() -> Iterator[None]:
    """Within this context no slurmctld runs."""
    controller = Controller()
    controller.stop()
    try:
        yield
    finally:
        controller.start()
