"""Whole files only: what is written is beside its place until it is complete."""

from __future__ import annotations

from pathlib import Path

from .whole_file import write_whole


def write_atomic(path: Path, content: str | bytes, *, durable: bool = True) -> None:
    """Write beside `path` and rename over it, so that a reader sees the old file or the new one, never half of one.

    Folders on the way are made. The file gets the permissions that the umask gives a new file. What is not `durable`
    outlives this process but perhaps not a power cut: it does not wait for the disk. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(str(path), content.encode() if isinstance(content, str) else content, durable=durable)


def local_path(uri: str) -> Path:
    """Where a URI is found in this process's file system.

    `gs://bucket/x` is `/gcs/bucket/x`, as Vertex mounts it and KFP writes it; `file:///x` is `/x`; a path is itself.
    """
    for scheme, mount in (("gs://", "/gcs/"), ("s3://", "/s3/"), ("minio://", "/minio/"), ("file://", "")):
        if uri.startswith(scheme):
            return Path(mount + uri.removeprefix(scheme))
    return Path(uri)
