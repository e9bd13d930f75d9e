"""Reads a text file of a known kind; the error message states in one line why it cannot be read."""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import OutputError, SearchSpaceError, UserError

MAX_DEPTH = 100
"""Maximum nesting depth of lists and mappings. Documents that people write have fewer than ten levels."""
STANDARD_INPUT = Path("standard input")
"""The place that messages about standard input name."""
TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"


@dataclass(frozen=True, slots=True)
class FileKind:
    """An expected kind of file. `error` is raised when a file is not of that kind; each message ends with `advice`."""

    name: str
    limit_bytes: int
    error: type[UserError]
    advice: str

    def failure(self, path: Path, problem: str) -> UserError:
        """Return the error for a file; its message states the path, the problem and the advice."""
        return self.error(f"{path}: {problem}; {self.advice}")


SEARCH_FILE = FileKind(
    "search file",
    256 << 10,
    SearchSpaceError,
    "give a Hydra sweeper file or the YAML that gcloud ai hp-tuning-jobs create takes",
)
JOB_FILE = FileKind("job", 256 << 20, OutputError, "give the job.json of a run")
PLAN_FILE = FileKind("plan", 16 << 20, OutputError, "give --out a new folder")
PIPELINE_FILE = FileKind(
    "compiled pipeline", 16 << 20, OutputError, "make a pipeline file with `hydra-vertex compile -o pipeline.json`"
)
ENGINE_FILE = FileKind("engine config", 1 << 20, UserError, "give a YAML mapping of the engine's settings")
TOKEN_FILE = FileKind("token", 64 << 10, OutputError, "give a text file that contains only the token")


def read_text(path: Path, kind: FileKind) -> str:
    """Read a regular file as UTF-8, with or without a byte order mark. Raises the kind's error.

    It does not wait for the writer of a pipe, and refuses a file of more than `kind.limit_bytes` bytes.
    """
    try:
        content = _read(path, kind)
    except OSError as error:
        raise kind.failure(path, f"cannot be read as a {kind.name} ({error.strerror or error})") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise kind.failure(path, f"not UTF-8 text (byte {error.start} is 0x{content[error.start]:02x})") from error


def read_standard_input(kind: FileKind) -> str:
    """Read standard input as UTF-8, to its end. Raises the kind's error."""
    content = sys.stdin.buffer.read(kind.limit_bytes + 1)
    if len(content) > kind.limit_bytes:
        raise kind.failure(STANDARD_INPUT, f"has more than the {kind.limit_bytes:,} bytes that a {kind.name} may have")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise kind.failure(STANDARD_INPUT, f"not UTF-8 text (byte {error.start})") from error


def _read(path: Path, kind: FileKind) -> bytes:
    # Without O_NONBLOCK, opening a FIFO would block until another process opens it for writing.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise kind.failure(path, f"is {_type_name(status.st_mode)}, not a regular file")
        # Files of the kernel (/proc) report a size of 0 and may be endless, so the bytes read are counted.
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(kind.limit_bytes + 1)
    finally:
        os.close(descriptor)
    if len(content) > kind.limit_bytes:
        size = max(status.st_size, len(content))
        raise kind.failure(path, f"has {size:,} bytes; a {kind.name} may have at most {kind.limit_bytes:,}")
    return content


def _type_name(mode: int) -> str:
    names = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return names.get(stat.S_IFMT(mode), "a device")


def malformed(path: Path, kind: FileKind, form: str, reason: object) -> UserError:
    """Return the error for a text that is not valid `form`, such as `YAML`. `reason` is the parser's message."""
    return kind.failure(path, f"not {form}: {excerpt(' '.join(str(reason).split()), 300)}")
