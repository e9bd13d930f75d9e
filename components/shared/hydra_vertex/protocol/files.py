"""Atomic writes of files, and the local path of a URI."""

from __future__ import annotations

from pathlib import Path

from .whole_file import write_whole


def write_atomic(path: Path, content: str | bytes, *, durable: bool = True) -> None:
    """Write a temporary file beside `path` and rename it, so that a reader sees the old or the new file, never a part.

    Missing parent folders are created. The file gets the default permissions (0o666 minus the umask). Without `durable`
    there is no fsync: the file may be lost in a power failure. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(str(path), content.encode() if isinstance(content, str) else content, durable=durable)


def local_path(uri: str) -> Path:
    """Return the path of a URI in this process's file system.

    `gs://bucket/x` is `/gcs/bucket/x`, where Vertex AI and KFP mount it; `file:///x` is `/x`; a path is unchanged.
    """
    for scheme, mount in (("gs://", "/gcs/"), ("s3://", "/s3/"), ("minio://", "/minio/"), ("file://", "")):
        if uri.startswith(scheme):
            return Path(mount + uri.removeprefix(scheme))
    return Path(uri)
