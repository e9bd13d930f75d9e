"""The build context of a written Dockerfile: the app's folder without version control, outputs and secrets."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

DOCKERIGNORE = ".dockerignore"
DOCKERFILE_NAME = ".hydra-vertex.Dockerfile"

SECRET_NAMES = (
    *(".env", ".env.*", ".netrc", "_netrc", ".pypirc", ".npmrc", ".git-credentials", ".ssh", ".aws", ".gcloud"),
    *(".kube", ".docker", "id_rsa*", "id_ed25519*", "id_ecdsa*", "*.pem", "*.key", "*.p12", "*.pfx", "credentials"),
    *("*credentials*.json", "*service-account*.json", "*service_account*.json", "client_secret*.json"),
)
"""Names of files and folders that usually hold secrets."""
_NOT_CODE = (
    *(".git", ".hg", ".svn", "__pycache__", "*.pyc", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".tox", ".nox"),
    *(".ipynb_checkpoints", "node_modules", ".DS_Store"),
)
_OUTPUTS_AT_TOP = ("outputs", "multirun", "runs", "wandb", "mlruns", "lightning_logs", "studies")
"""Folders directly in the context to which Hydra, hydra-vertex and loggers write."""
_VENV_FILE = "pyvenv.cfg"


@dataclass(frozen=True, slots=True)
class Context:
    """The paths of a folder that are sent, and those that are left out, both relative to it."""

    folder: Path
    sent: tuple[str, ...]
    left_out: tuple[str, ...]

    def size_bytes(self) -> int:
        """Return the size of the files that are sent."""
        return sum((self.folder / path).lstat().st_size for path in self.sent)

    def write(self, archive: tarfile.TarFile, dockerfile: str) -> None:
        """Add the files and the Dockerfile to a tar archive, without the names of this machine's users."""
        # docker recognises an archive by its first 512 bytes, so the first entry is a file with a short name. The
        # engine removes both files from the context because the second one names them.
        _add_text(archive, DOCKERFILE_NAME, dockerfile)
        _add_text(archive, DOCKERIGNORE, f"{DOCKERFILE_NAME}\n{DOCKERIGNORE}\n")
        for path in self.sent:
            archive.add(self.folder / path, path, recursive=False, filter=_anonymous)


def default_context(folder: Path) -> Context:
    """Return the context of a folder that has no .dockerignore. Raises OSError."""
    sent, left_out = list[str](), list[str]()
    for path, is_left_out in _walked(folder, ""):
        (left_out if is_left_out else sent).append(path)
    return Context(folder, tuple(sent), tuple(left_out))


def _walked(folder: Path, above: str) -> Iterator[tuple[str, bool]]:
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        path = f"{above}{entry.name}"
        if _is_left_out(entry, is_top=not above):
            yield path, True
        elif entry.is_dir(follow_symlinks=False):
            yield path, False
            yield from _walked(Path(entry.path), f"{path}/")
        elif entry.is_symlink() or stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
            yield path, False


def _is_left_out(entry: os.DirEntry[str], *, is_top: bool) -> bool:
    names = (*SECRET_NAMES, *_NOT_CODE, *(_OUTPUTS_AT_TOP if is_top else ()))
    if any(fnmatchcase(entry.name, name) for name in names):
        return True
    return entry.is_dir(follow_symlinks=False) and Path(entry.path, _VENV_FILE).exists()


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    # Every user of the image can read the app, whatever umask its author has.
    member.mode |= 0o755 if member.isdir() else 0o644
    return member


def _add_text(archive: tarfile.TarFile, name: str, text: str) -> None:
    content = text.encode()
    member = tarfile.TarInfo(name)
    member.size = len(content)
    member.mode = 0o644
    archive.addfile(member, io.BytesIO(content))
