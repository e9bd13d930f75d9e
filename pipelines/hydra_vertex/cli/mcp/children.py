"""Commands of hydra-vertex as child processes, with their JSON documents."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from hydra_vertex.protocol import json
from hydra_vertex.protocol.json import JsonObject, object_of

_PR_SET_PDEATHSIG = 1
"""Source: linux/prctl.h."""
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
"""Loaded here, because a process must not load a library between fork and exec while another thread may do so."""
ERROR_FORM = ":error:"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command has printed: its document, None for none, and the end of its stderr."""

    exit_code: int
    document: JsonObject | None
    stderr: str

    @property
    def is_error(self) -> bool:
        """Whether the document is that of an error, or there is none."""
        return self.document is None or ERROR_FORM in str(self.document.get("schema", ""))


def command_line(words: Sequence[str], app: Sequence[str]) -> list[str]:
    """Return the command `hydra-vertex WORDS --json -- APP` of the same interpreter."""
    after = ["--", *app] if app else []
    return [sys.executable, "-m", "hydra_vertex.cli.main", words[0], "--json", *words[1:], *after]


def start(command: Sequence[str], root: Path, stdout: IO[bytes], stderr: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a command in the root, in a session of its own. It gets SIGTERM when this process dies (on Linux).

    Call it in the main thread: the kernel takes the end of the thread for that of its process.
    """
    return subprocess.Popen(
        list(command),
        cwd=root,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
        # It makes one system call, and takes no lock that another thread of the server could hold.
        preexec_fn=_end_with_parent,
    )


def answer_in(folder: Path, exit_code: int) -> Answer:
    """Return the answer of an ended command, whose output is in the files of a folder."""
    text = (folder / "stdout").read_bytes()
    return Answer(exit_code, document_in(text), last_text(folder / "stderr"))


def document_in(text: bytes) -> JsonObject | None:
    """Return the document of a command's stdout; None when it is not a JSON object."""
    try:
        return object_of(json.loads(text))
    except ValueError:
        return None


def last_text(path: Path, limit: int = 4000) -> str:
    """Return the end of a file of text; empty when it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - limit))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def signal_child(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to a child that may have ended."""
    with contextlib.suppress(ProcessLookupError):
        child.send_signal(number)


def _end_with_parent() -> None:
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))
