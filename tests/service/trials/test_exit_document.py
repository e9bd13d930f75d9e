"""An exit status as JSON."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from hydra_vertex.protocol import json
from hydra_vertex.protocol.json import Json
from hydra_vertex.service.trials.exit_document import dump_exit, parse_exit
from hydra_vertex.service.trials.exit_status import ExitStatus

STARTED = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    "status",
    [
        ExitStatus(),
        ExitStatus(code=0, started=STARTED),
        ExitStatus(signal=9, memory_bytes=1 << 33, detail="OOMKilled"),
        ExitStatus(error="no such file", timed_out=True, stopped=True),
    ],
)
def test_an_exit_status_is_read_as_it_was_written(status: ExitStatus) -> None:
    assert parse_exit(json.loads(json.dumps(dump_exit(status)))) == status


@pytest.mark.parametrize(
    ("change", "words"), [({"code": "0"}, "'0' is no integer"), ({"signal": True}, "True is no integer")]
)
def test_a_field_of_another_type_is_refused(change: dict[str, Json], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_exit({**dump_exit(ExitStatus()), **change})


def test_a_missing_field_is_refused() -> None:
    with pytest.raises(KeyError):
        parse_exit({})
