"""The places of a metric file and of its lock, looked at before the app runs: a training takes hours."""

from __future__ import annotations

from pathlib import Path

from hydra_vertex.protocol.environment import METRIC_FILE
from hydra_vertex.protocol.errors import OutputError
from hydra_vertex.protocol.regular_file import irregular_kind


def lock_file_of(metric_file: Path) -> Path:
    """The file at which those who report at once take turns."""
    return metric_file.parent / f".{metric_file.name}.lock"


def check_place(metric_file: Path) -> None:
    """Raises OutputError when a place is taken by a FIFO, a device, a folder, or cannot be reached.

    A regular file may be there, or a link to one. Where nothing is, it is made, also behind a link that leads nowhere.
    """
    for path in (metric_file, lock_file_of(metric_file)):
        problem = _problem_of(path)
        if problem is not None:
            raise OutputError(
                f"{path}: {problem}, so the trial's measurements cannot be written there; "
                f"set ${METRIC_FILE} to a regular file, or to a path where one can be made"
            )


def _problem_of(path: Path) -> str | None:
    try:
        kind = irregular_kind(path.stat().st_mode)
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"cannot be reached ({error.strerror})"
    return kind and f"is {kind}"
