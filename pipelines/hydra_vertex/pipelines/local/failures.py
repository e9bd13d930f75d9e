"""Errors of a local pipeline run: a failed step, a full disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra_vertex.launcher.files.disk_space import NO_SPACE_EXIT_CODE, FullDisk, full_disk, is_no_space
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import HydraVertexError, Interrupted
from hydra_vertex.protocol.signals import exit_code_of


class StepFailed(HydraVertexError):  # noqa: N818 - named after the event, as Interrupted is
    """A step exited with a code other than 0, after it printed the reason on stderr.

    `exit_code` is that of the step as a shell shows it: 128 + n for an exit by signal n.
    """

    def __init__(self, step: str, returncode: int) -> None:
        self.step = step
        self.exit_code = exit_code_of(returncode)  # type: ignore[misc] # overrides the class's constant
        super().__init__(f"the step {step} failed with exit code {self.exit_code}; its messages are above")


class DiskFull(HydraVertexError):  # noqa: N818 - named after the event
    """A run cannot continue until a disk has free space. All measurements are kept."""


def require_space(disks: Sequence[Path], again: str) -> None:
    """Check for free space before anything is started. Raises DiskFull when a disk is full."""
    if (full := full_disk(disks)) is not None:
        raise DiskFull(f"{full}, so nothing was started; free some space there, then run {again}")


@contextmanager
def full_disk_named(disks: Sequence[Path], again: str) -> Iterator[None]:
    """Replace an error of the block with DiskFull when a disk is full; its message includes the command `again`.

    Raises DiskFull; every other error, and Interrupted always, is raised unchanged.
    """
    try:
        yield
    except Interrupted:
        raise
    except (HydraVertexError, OSError) as error:
        full = full_disk(disks)
        if full is None and (is_no_space(error) or _is_reported_by_step(error)):
            full = FullDisk(disks[0], "no space left during a write")
        if full is None:
            raise
        reason = excerpt(str(error).splitlines()[0] if str(error) else error, 300)
        raise DiskFull(
            f"{full}, and the run ended: {reason}. All measurements are kept; free some space there, then run {again}"
        ) from error


def _is_reported_by_step(error: Exception) -> bool:
    return isinstance(error, StepFailed) and error.exit_code == NO_SPACE_EXIT_CODE
