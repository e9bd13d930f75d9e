"""Fills an empty model folder with the model that an app wrote into another folder: Hydra's, or that of checkpoints.

Kubeflow Pipelines keeps only a step's declared artifacts, so a model in another folder would be lost with the step.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hydra_vertex.protocol.errors import OutputError
from hydra_vertex.protocol.model_files import model_parts

_NO_LINKS = frozenset({errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
"""Errors of a file system, or between two, that has no hard links."""

Content = Mapping[str, tuple[int, int]]
"""The files of a folder by relative path: modification time in ns, and size."""


@dataclass(frozen=True, slots=True)
class Source:
    """A folder that may have the app's model. `since_ns`: files that were modified before this time are not the app's.

    A folder that the user chose may be that of the app's own code, which can have the weights of other models.
    """

    folder: Path
    since_ns: int = 0


def content_of(folder: Path) -> Content:
    """Return the files of a folder; those that cannot be read are left out."""
    found = {}
    for path in _files(folder):
        with suppress(OSError):
            status = path.stat()
            found[str(path.relative_to(folder))] = (status.st_mtime_ns, status.st_size)
    return found


def provide_model(model_dir: Path, before: Content, sources: Sequence[Source]) -> str:
    """Link or copy the model of the first source that has one, unless the app itself wrote into the model's folder.

    `before` is the content of the model's folder before the app started: a retried step finds that of its first
    attempt. Returns one sentence about what was added; empty when nothing was. Raises OutputError when a file cannot be
    copied; what was added until then is removed.
    """
    if content_of(model_dir).items() - before.items():
        return ""
    for source in sources:
        if files := tuple(_model_files(source)):
            _add(files, source.folder, model_dir, f"the app wrote its model into {source.folder}/")
            names = _names(files, source.folder)
            return f"the app wrote its model into {source.folder}/, so the step's model has {names} of it"
    return ""


def copy_model(model: Path, model_dir: Path) -> None:
    """Link or copy every file of a model, whatever its name. Raises OutputError, and then leaves no part of it."""
    _add(tuple(_files(model)), model, model_dir, f"the model is in {model}/")


def _model_files(source: Source) -> Iterator[Path]:
    """Yield the regular files of the model. A link counts as the file that it leads to, if that is in the source."""
    root = source.folder.resolve()
    for part in model_parts(source.folder):
        for path in _files(part) if part.is_dir() else (part,):
            is_inside = not path.is_symlink() or path.resolve().is_relative_to(root)
            if is_inside and path.is_file() and path.stat().st_mtime_ns >= source.since_ns:
                yield path


def _files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        yield from (Path(parent, name) for name in sorted(names))


def _add(files: Sequence[Path], source: Path, model_dir: Path, place: str) -> None:
    """Add files of the folder `source`. `place` is the part of the error's message that says where the model is."""
    added: list[Path] = []
    for file in files:
        target = model_dir / file.relative_to(source)
        added.append(target)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            _link_or_copy(file.resolve(), target)
        except OSError as error:
            _remove(added)
            raise OutputError(f"{place}, and {file} cannot be copied to {model_dir}/: {error.strerror}") from error


def _link_or_copy(file: Path, target: Path) -> None:
    try:
        os.link(file, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copyfile(file, target)


def _remove(files: Sequence[Path]) -> None:
    for file in files:
        with suppress(OSError):
            file.unlink(missing_ok=True)


def _names(files: Sequence[Path], source: Path) -> str:
    first = str(files[0].relative_to(source))
    return first if len(files) == 1 else f"{len(files)} files, such as {first},"
