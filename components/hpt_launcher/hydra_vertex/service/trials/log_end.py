"""Reads the end of a trial's log as a terminal would show it: without escape sequences, bars in their last state."""

from __future__ import annotations

import re
from pathlib import Path

from hydra_vertex.protocol import json
from hydra_vertex.protocol.json import Json
from hydra_vertex.protocol.secret_fingerprints import without_known
from hydra_vertex.service.folder import TrialFolder
from hydra_vertex.service.system.untrusted_files import read_end

LINES = 30
CHARACTERS = 4000
"""The part of a log that the reason of a failed trial has."""
READ_BYTES = 64 << 10
FINGERPRINT_BYTES = 256 << 10

# CSI and OSC sequences, and the two-character escapes: ECMA-48, sections 5.4, 5.6 and 5.5.
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_BACKSPACE = "\b"


def log_tail(folder: TrialFolder, lines: int = LINES, characters: int = CHARACTERS) -> str:
    """Return the last lines of a trial's log as plain text, with at most so many characters; empty without a log.

    Secrets that the trial has read from Secret Manager are masked.
    """
    return log_end(folder.log, lines, characters, _fingerprints(folder)) or ""


def study_logs(trials: Path, lines: int, characters: int) -> dict[str, str]:
    """Return the ends of the logs in a folder of trials, by the trial's id, as `log_tail` does."""
    folders = [TrialFolder(log.parent) for log in trials.glob("*/log.txt")]
    found = {folder.path.name: log_end(folder.log, lines, characters, _fingerprints(folder)) for folder in folders}
    return {trial: text for trial, text in found.items() if text is not None}


def log_end(log: Path, lines: int, characters: int, fingerprints: Json = None) -> str | None:
    """Return the last lines of a log as plain text; None when there is no such file, or it cannot be read.

    The text begins with a whole line, unless it is a single one: half a secret is not recognised. `fingerprints` are
    those of the secrets to mask.
    """
    try:
        content = read_end(log, READ_BYTES)
    except OSError:
        return None
    found = content.decode(errors="replace").rstrip().split("\n")
    is_cut = len(content) == READ_BYTES and len(found) > 1
    text = "\n".join(_plain(line) for line in found[1 if is_cut else 0 :][-lines:])
    return _last(without_known(text[-2 * characters :], fingerprints), characters)


def _last(text: str, characters: int) -> str:
    """Return the end of a text from the beginning of a line, or of its last line if that is longer."""
    if len(text) <= characters:
        return text
    end = text[-characters:]
    return end.partition("\n")[2] or end


def _fingerprints(folder: TrialFolder) -> Json:
    try:
        return json.loads(read_end(folder.fingerprint_file, FINGERPRINT_BYTES))
    except (OSError, ValueError):
        return None


def _plain(line: str) -> str:
    """A line as a terminal shows it: without escape sequences, and only the text after the last carriage return."""
    text = _ANSI.sub("", line).rstrip().rsplit("\r", 1)[-1]
    return _UNPRINTABLE.sub("", _overwritten(text)).rstrip()


def _overwritten(line: str) -> str:
    """Remove each character that a backspace after it overwrites, as some progress bars do."""
    if _BACKSPACE not in line:
        return line
    kept: list[str] = []
    for character in line.rstrip(_BACKSPACE):
        if character != _BACKSPACE:
            kept.append(character)
        elif kept:
            kept.pop()
    return "".join(kept)
