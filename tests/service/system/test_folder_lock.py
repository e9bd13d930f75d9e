"""The lock that allows one service per folder."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from hydra_vertex.protocol.errors import OutputError
from hydra_vertex.service.system.folder_lock import FolderLock


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOLCK, r"without locks, .* give a folder on a local disk"),
        (errno.ENOSYS, r"without locks, .* give a folder on a local disk"),
        (errno.EOPNOTSUPP, r"without locks, .* give a folder on a local disk"),
        (errno.EIO, r"cannot be used as the service's folder \(Input/output error\)"),
    ],
)
def test_a_folder_that_cannot_be_locked_is_refused_with_a_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, message: str
) -> None:
    def refuse(_descriptor: int, _operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OutputError, match=message):
        FolderLock(tmp_path / "service.lock")
