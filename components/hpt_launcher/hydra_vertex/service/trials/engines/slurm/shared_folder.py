"""Decides whether a folder is on a file system that the nodes of a cluster share."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from hydra_vertex.service.trials.engines.contract import RefusedError

MOUNTS = Path("/proc/self/mountinfo")
NETWORK_TYPES = frozenset(
    {
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "gfs2",
        "glusterfs",
        "gpfs",
        "lustre",
        "nfs",
        "nfs4",
        "ocfs2",
        "orangefs",
        "panfs",
        "pvfs2",
        "smb3",
        "virtiofs",
        "wekafs",
    }
)
"""The types of file systems that several machines can mount. A type `fuse.x` counts too."""

_OCTAL = re.compile(r"\\([0-7]{3})")


def check_shared(folder: Path, declared: PurePosixPath | None) -> None:
    """Raise RefusedError unless the folder is below the declared one, or on a file system of the network."""
    if declared is not None:
        if not folder.resolve().is_relative_to(Path(declared).resolve()):
            raise RefusedError(
                f"the folder {folder} is not below {declared}, which the key 'shared_folder' of the engine's config"
                " file names: choose a folder of the service (or of the run) below it"
            )
        return
    kind = file_system_type(folder, MOUNTS.read_text(errors="surrogateescape") if MOUNTS.exists() else "")
    if kind not in NETWORK_TYPES and not kind.startswith("fuse."):
        raise RefusedError(
            f"the folder {folder} is on a file system of type {kind or 'unknown'}, which the cluster's nodes may not"
            " share: choose a folder that they do, or set the key 'shared_folder' of the engine's config file to a"
            " folder above it that all nodes see under the same path"
        )


def file_system_type(folder: Path, mounts: str) -> str:
    """Return the type of the file system of a folder, from /proc/self/mountinfo (proc(5)); empty when it is unknown."""
    resolved = folder.resolve()
    found, kind = -1, ""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        point = Path(_OCTAL.sub(lambda match: chr(int(match[1], 8)), before.split(" ")[4])) if before else Path()
        # Of several mounts at one place, the last hides the others.
        if resolved.is_relative_to(point) and len(point.parts) >= found:
            found, kind = len(point.parts), after.split(" ")[0]
    return kind
