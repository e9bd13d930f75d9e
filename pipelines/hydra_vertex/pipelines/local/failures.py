"""How a pipeline can fail, told to the command that ran it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra_vertex.launcher.files.disk_space import NO_SPACE_EXIT_CODE, FullDisk, full_disk, is_no_space
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import HydraVertexError, Interrupted
from hydra_vertex.protocol.signals import exit_code_of


class StepFailed(HydraVertexError):  # noqa: N818 - what happened to the step, as Interrupted is
    """A step ended with an exit code other than 0, having said why on stderr.

    `exit_code` is the step's own, as a shell would show it: 128 + n for a death by signal n.
    """

    def __init__(self, step: str, returncode: int) -> None:
        self.step = step
        self.exit_code = exit_code_of(returncode)  # type: ignore[misc] # its own, not the class's
        super().__init__(f"the step {step} failed with exit code {self.exit_code}; what it said stands above")


class DiskFull(HydraVertexError):  # noqa: N818 - what happened to the disk
    """A run cannot go on before there is space on a disk. What was measured is kept."""


def require_space(disks: Sequence[Path], again: str) -> None:
    """Raises DiskFull when a disk is full before anything is started."""
    if (full := full_disk(disks)) is not None:
        raise DiskFull(f"{full}, so nothing is started; free some space there, then run {again}")


@contextmanager
def full_disk_named(disks: Sequence[Path], again: str) -> Iterator[None]:
    """Whatever fails while a disk is full raises DiskFull, which says so and how to go on with `again`."""
    try:
        yield
    except Interrupted:
        raise
    except (HydraVertexError, OSError) as error:
        full = full_disk(disks)
        if full is None and (is_no_space(error) or _is_told_by_step(error)):
            full = FullDisk(disks[0], "no space left when it was written to")
        if full is None:
            raise
        reason = excerpt(str(error).splitlines()[0] if str(error) else error, 300)
        raise DiskFull(
            f"{full}, and the run ended: {reason}. What was measured is kept; free some space there, then run {again}"
        ) from error


def _is_told_by_step(error: Exception) -> bool:
    return isinstance(error, StepFailed) and error.exit_code == NO_SPACE_EXIT_CODE
