"""Whole files only: what is written is beside its place until it is complete."""

from __future__ import annotations

import os
from pathlib import Path


def write_atomic(path: Path, content: str | bytes, *, durable: bool = True) -> None:
    """Write beside `path` and rename over it, so that a reader sees the old file or the new one, never half of one.

    Folders on the way are made. The file gets the permissions that the umask gives a new file. What is not `durable`
    outlives this process but perhaps not a power cut: it does not wait for the disk. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, part = _create_beside(path)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _create_beside(path: Path) -> tuple[int, Path]:
    """A new file, with the permissions that the umask gives it; `tempfile` gives others."""
    while True:
        part = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
        try:
            return os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666), part
        except FileExistsError:
            continue


def local_path(uri: str) -> Path:
    """Where a URI is found in this process's file system.

    `gs://bucket/x` is `/gcs/bucket/x`, as Vertex mounts it and KFP writes it; `file:///x` is `/x`; a path is itself.
    """
    for scheme, mount in (("gs://", "/gcs/"), ("s3://", "/s3/"), ("minio://", "/minio/"), ("file://", "")):
        if uri.startswith(scheme):
            return Path(mount + uri.removeprefix(scheme))
    return Path(uri)
