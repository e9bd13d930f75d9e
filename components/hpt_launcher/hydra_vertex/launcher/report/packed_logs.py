"""Packs the ends of all logs into one short text of the page, which its script unpacks. Pure.

A page of 100 trials stays below 1.5 MB: logs are cut to fewer lines until they fit, and if that is not enough the logs
of the trials at the end of the order are left out. The page says both.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hydra_vertex.launcher.logs import StudyLogs
from hydra_vertex.launcher.logs.log_text import last_lines, shown_log
from hydra_vertex.launcher.secrets.masker import Masker
from hydra_vertex.launcher.text.terminal import printable
from hydra_vertex.protocol import json

LEVELS = ((40, 4000), (20, 2000), (10, 1000), (5, 500))
"""The most lines and characters of one log, from which the first that fits is taken."""
MOST_CHARACTERS = 1_000_000
"""Of all logs together, before they are packed: what a browser unpacks at once and Python masks in a few seconds."""
LEAST_PACKED, PACKED_PER_TRIAL, MOST_PACKED = 40_000, 400, 200_000
"""The limit of the packed text, in characters of the page: so many a trial, but at least and at most."""


@dataclass(frozen=True, slots=True)
class PackedLogs:
    """`packed` is base64 of zlib of JSON: `ends` by the trial's id, and `leftOut`, the ids of logs left out.

    It is empty without logs. `note` are the sentences about them on the page.
    """

    packed: str = ""
    note: str = ""


def packed_logs(logs: StudyLogs, order: Sequence[str], mask: Masker) -> PackedLogs:
    """Pack the logs of these trials, of which the first are kept if not all fit."""
    ids, note = [trial for trial in order if trial in logs.ends], printable(mask.text(logs.note))
    if not ids:
        return PackedLogs(note=note)
    levels = [level for level in LEVELS if level[1] * len(ids) <= MOST_CHARACTERS] or [LEVELS[-1]]
    texts = _texts({trial: logs.ends[trial] for trial in ids}, levels[0], mask)
    limit = min(MOST_PACKED, max(LEAST_PACKED, PACKED_PER_TRIAL * len(ids)))
    for lines, characters in levels:
        texts = {trial: last_lines(text, lines, characters) for trial, text in texts.items()}
        packed = _pack(texts, ())
        if len(packed) <= limit:
            break
    kept = len(ids)
    while len(packed) > limit:
        kept = min(kept - 1, int(kept * limit / len(packed)))
        packed = _pack({trial: texts[trial] for trial in ids[:kept]}, ids[kept:])
    return PackedLogs(packed, " ".join(_sentences(lines, characters, len(ids) - kept, note)))


def _texts(ends: Mapping[str, str], level: tuple[int, int], mask: Masker) -> dict[str, str]:
    """Return the texts masked, and cut before that to twice what is shown: a cut secret would not be recognised."""
    lines, characters = level
    return {trial: shown_log(last_lines(text, 2 * lines, 2 * characters), mask) for trial, text in ends.items()}


def _pack(texts: Mapping[str, str], left_out: Sequence[str]) -> str:
    document = json.dumps({"ends": dict(texts), "leftOut": list(left_out)})
    return base64.b64encode(zlib.compress(document.encode(), 9)).decode()


def _sentences(lines: int, characters: int, left_out: int, note: str) -> list[str]:
    found = [f"Of each log the page has at most the last {lines} lines, and {characters:,} characters."]
    if left_out:
        trials = "The log of 1 trial is" if left_out == 1 else f"The logs of {left_out:,} trials are"
        found.append(f"{trials} left out, so that the page stays small; those of the best are kept.")
    return [*found, note]
