"""One service a folder."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from hydra_vertex.protocol.errors import OutputError
from hydra_vertex.service.system.folder_lock import FolderLock


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EIO])
def test_a_file_system_without_locks_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(_descriptor: int, _operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OutputError, match=r"cannot be locked .* give a folder on a local disk"):
        FolderLock(tmp_path / "service.lock")
