"""The notes about a launch."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from hydra_vertex.service.folder import TrialFolder
from hydra_vertex.service.trials.engines.contract import (
    Exited,
    Interrupted,
    Interruption,
    Refused,
    UnavailableError,
)
from hydra_vertex.service.trials.engines.kubernetes.note import (
    NOTE_FILE,
    Note,
    Outcome,
    read_note,
    remove_note,
    write_note,
)
from hydra_vertex.service.trials.exit_status import ExitStatus

STARTED = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)
EXIT = ExitStatus(code=3, started=STARTED, detail="d")


@pytest.mark.parametrize(
    "outcome",
    [
        None,
        Exited(EXIT),
        Exited(ExitStatus(error="e")),
        Exited(ExitStatus(timed_out=True)),
        Refused("no image"),
        *(Interrupted(cause, "why") for cause in Interruption),
    ],
)
def test_a_note_is_read_as_it_was_written(tmp_path: Path, outcome: Outcome | None) -> None:
    note = Note("hv-1", True, {"0-0": "u"}, STARTED, True, EXIT, outcome)
    write_note(TrialFolder(tmp_path), note)
    assert read_note(TrialFolder(tmp_path), "hv-1") == note


@pytest.mark.parametrize("content", ["[]", '{"launch": 1}', '{"launch": "hv-2", "launched": true}'])
def test_what_is_no_note_of_the_launch_counts_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / NOTE_FILE).write_text(content)
    assert read_note(TrialFolder(tmp_path), "hv-1") == Note("hv-1")


@pytest.mark.parametrize("content", ["", "{", None])
def test_a_note_that_cannot_be_read_is_no_missing_one(tmp_path: Path, content: str | None) -> None:
    if content is None:
        (tmp_path / NOTE_FILE).mkdir()
    else:
        (tmp_path / NOTE_FILE).write_text(content)
    with pytest.raises(UnavailableError, match=r"kubernetes.json: cannot be read .*; restore the file"):
        read_note(TrialFolder(tmp_path), "hv-1")


def test_only_the_own_note_is_removed(tmp_path: Path) -> None:
    folder = TrialFolder(tmp_path)
    write_note(folder, Note("hv-2", True))
    remove_note(folder, "hv-1")
    assert read_note(folder, "hv-2").is_launched
    remove_note(folder, "hv-2")
    assert not (tmp_path / NOTE_FILE).exists()
