"""Makes the folders that a worker's container writes into, with access for its user."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra_vertex.service.trials.engines.contract import Launch, RefusedError

from .places import output_folders, output_of, shared_folder

DEFAULT_UID = 1000
"""The uid and gid of containers when the service itself runs as root."""

OTHERS_WRITE, OTHERS_ENTER = 0o777, 0o711


@dataclass(frozen=True, slots=True)
class ContainerUser:
    """The user of the containers. `text` is Docker's `UID:GID`.

    New folders belong to `owner` (uid, gid), or to everyone (`is_foreign`), or to the service's own user.
    """

    text: str
    owner: tuple[int, int] | None = None
    is_foreign: bool = False

    def may_enter(self, folder: os.stat_result) -> bool:
        """Whether the user may enter a folder, as far as its mode says. The service's own user is not checked."""
        if self.owner is None and not self.is_foreign:
            return True
        uid, gid = (int(part) for part in self.text.split(":"))
        is_owner = folder.st_uid == uid and folder.st_mode & 0o100
        return bool(is_owner or (folder.st_gid in {gid, 0} and folder.st_mode & 0o010) or folder.st_mode & 0o001)


def container_user(
    given: tuple[int, int | None] | None, service: tuple[int, int], security: Sequence[str]
) -> ContainerUser:
    """Return the user for a setting (uid, gid), the service's own (uid, gid), and the engine's security options.

    The default is the service's own user. A service of root gives DEFAULT_UID; on a rootless engine, uid 0 of a
    container is the user who runs the engine.
    """
    is_rootless = any("rootless" in option for option in security)
    is_mapped = any("userns" in option for option in security)
    default = (0, 0) if is_rootless else service if service[0] != 0 else (DEFAULT_UID, DEFAULT_UID)
    uid, gid = default if given is None else (given[0], given[0] if given[1] is None else given[1])
    text = f"{uid}:{gid}"
    inside = (0, 0) if is_rootless else service
    if (uid, gid) == inside and not is_mapped:
        return ContainerUser(text)
    if service[0] == 0 and not is_mapped and not is_rootless:
        return ContainerUser(text, owner=(uid, gid))
    return ContainerUser(text, is_foreign=uid != inside[0] or is_mapped)


def make_folders(launch: Launch, user: ContainerUser) -> None:
    """Make the folder that the workers share, and the output folders of a trial.

    Raises OSError, and RefusedError when the containers' user may not enter a folder that the user named.
    """
    output = output_of(launch)
    shared = shared_folder(launch)
    shared.mkdir(parents=True, exist_ok=True)
    _give(shared, user)
    leaves = output_folders(launch)
    # The folders above a trial's own, up to the mounted one, have to be entered, and one of the user's is not changed.
    above = tuple(_between(output.source, launch.output_dir))
    missing = [folder for folder in above if not folder.exists()]
    for leaf in leaves:
        leaf.mkdir(parents=True, exist_ok=True)
    for folder in above if output.is_own else missing:
        _open(folder, user)
    for folder in above:
        if not user.may_enter(folder.stat()):
            raise RefusedError(
                f"{folder}: the containers' user {user.text} may not enter it; `chmod o+x` it, or set another `user`"
            )
    for folder in ([launch.output_dir / launch.trial_id] if launch.trial_id else []) + list(leaves):
        _give(folder, user)
    if not launch.trial_id and (output.is_own or launch.output_dir in missing):
        _give(launch.output_dir, user)


def _between(root: Path, leaf: Path) -> Iterator[Path]:
    """The folders from the root down to the leaf, both included."""
    parts = leaf.relative_to(root).parts
    for count in range(len(parts) + 1):
        yield root.joinpath(*parts[:count])


def _give(folder: Path, user: ContainerUser) -> None:
    """Let the container's user write into a folder that is the service's own."""
    if not _is_own(folder):
        return
    if user.owner is not None:
        os.chown(folder, *user.owner, follow_symlinks=False)
    elif user.is_foreign:
        folder.chmod(OTHERS_WRITE)


def _open(folder: Path, user: ContainerUser) -> None:
    """Let the container's user enter a folder that is the service's own."""
    if _is_own(folder) and (user.owner is not None or user.is_foreign):
        folder.chmod(folder.stat().st_mode & 0o7777 | OTHERS_ENTER)


def _is_own(folder: Path) -> bool:
    return not folder.is_symlink() and folder.stat().st_uid == os.geteuid()
