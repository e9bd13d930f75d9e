"""Locks between threads and processes, on a real file system and on one that does not support locks."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hydra_vertex.protocol.file_lock import open_lock_file, try_lock, unlock, wait_for_lock


@contextmanager
def opened(path: Path) -> Iterator[int]:
    descriptor = open_lock_file(path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def test_a_lock_that_is_held_elsewhere_raises_an_error_until_it_is_released(tmp_path: Path) -> None:
    with opened(tmp_path / "lock") as first, opened(tmp_path / "lock") as second:
        assert try_lock(first)
        with pytest.raises(BlockingIOError):
            try_lock(second)
        unlock(first)
        assert try_lock(second)


def test_waiting_for_a_lock_ends_at_the_timeout(tmp_path: Path) -> None:
    with opened(tmp_path / "lock") as first, opened(tmp_path / "lock") as second:
        assert wait_for_lock(first, 0.0)
        with pytest.raises(TimeoutError, match=r"locked by another process for 0\.05 s") as caught:
            wait_for_lock(second, 0.05)
        assert caught.value.errno == errno.ETIMEDOUT


def test_the_lock_of_a_killed_process_is_released(tmp_path: Path) -> None:
    code = (
        "import sys, time; from hydra_vertex.protocol.file_lock import open_lock_file, try_lock\n"
        "try_lock(open_lock_file(sys.argv[1])); print('locked', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder, opened(tmp_path / "lock") as mine:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(BlockingIOError):
            try_lock(mine)
        holder.kill()
        assert wait_for_lock(mine, 30.0)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL])
def test_on_a_file_system_without_locks_no_lock_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    with opened(tmp_path / "lock") as descriptor:
        assert not try_lock(descriptor)
        assert not wait_for_lock(descriptor, 30.0)


def test_any_other_error_is_raised(tmp_path: Path) -> None:
    with opened(tmp_path / "lock") as descriptor:
        pass
    with pytest.raises(OSError, match="Bad file descriptor"):
        wait_for_lock(descriptor, 30.0)


def test_a_lock_file_is_not_inherited_and_has_default_permissions(tmp_path: Path) -> None:
    with opened(tmp_path / "lock") as descriptor:
        assert not os.get_inheritable(descriptor)
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
