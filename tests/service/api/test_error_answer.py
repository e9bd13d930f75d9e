"""Error responses: status, message and field, in a form that can always be sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.service.api.error_answer import (
    FIELD_LIMIT_BYTES,
    MESSAGE_LIMIT_BYTES,
    ErrorAnswer,
    answer_to,
    sendable,
)
from hydra_vertex.service.status import Refusal, Status


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (
            Refusal(Status.NOT_FOUND, "name: is not there", "name"),
            ErrorAnswer(Status.NOT_FOUND, "name: is not there", "name"),
        ),
        (DocumentError("a.b", "is wrong"), ErrorAnswer(Status.INVALID_ARGUMENT, "a.b: is wrong", "a.b")),
        (KeyError("x"), ErrorAnswer(Status.INTERNAL, "GET /x failed (KeyError: 'x'); see the service's log")),
    ],
)
def test_an_error_response_has_a_status_a_message_and_an_optional_field(error: Exception, answer: ErrorAnswer) -> None:
    assert answer_to(error, "GET /x") == answer


def test_a_message_that_is_too_long_loses_its_middle() -> None:
    answer = answer_to(DocumentError("labels." + "ä" * 1000, "x" * 5000 + "; do this instead"), "")
    assert answer.message.startswith("labels.ä")
    assert answer.message.endswith("; do this instead")
    assert len(answer.message.encode()) <= MESSAGE_LIMIT_BYTES + len(" … ".encode())
    assert len(answer.field.encode()) <= FIELD_LIMIT_BYTES + len(" … ".encode())


@given(st.text(alphabet=st.characters(exclude_categories=[]), max_size=2000))
def test_any_text_can_be_sent(text: str) -> None:
    assert len(sendable(text).encode()) <= MESSAGE_LIMIT_BYTES + 5


def test_a_lone_surrogate_is_shown_as_its_escape() -> None:
    assert sendable("a\ud800b") == r"a\ud800b"
