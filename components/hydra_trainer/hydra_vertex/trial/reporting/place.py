"""Checks the paths of the metric file and its lock file before the app runs, because a training takes hours."""

from __future__ import annotations

from pathlib import Path

from hydra_vertex.protocol.environment import METRIC_FILE
from hydra_vertex.protocol.errors import OutputError
from hydra_vertex.protocol.regular_file import irregular_kind


def lock_file_of(metric_file: Path) -> Path:
    """Return the path of the lock file that concurrent reporters use."""
    return metric_file.parent / f".{metric_file.name}.lock"


def check_place(metric_file: Path) -> None:
    """Raise OutputError if a path is a FIFO, a device or a folder, or cannot be reached.

    Allowed are a regular file, a link to one, a missing file and a dangling link: the file is created later.
    """
    for path in (metric_file, lock_file_of(metric_file)):
        problem = _problem_of(path)
        if problem is not None:
            raise OutputError(
                f"{path}: {problem}, so the trial's measurements cannot be written there; "
                f"set ${METRIC_FILE} to a regular file, or to a path where one can be created"
            )


def _problem_of(path: Path) -> str | None:
    try:
        kind = irregular_kind(path.stat().st_mode)
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"cannot be reached ({error.strerror})"
    return kind and f"is {kind}"
