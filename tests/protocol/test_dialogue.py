from __future__ import annotations

import pytest

from hydra_vertex.protocol.dialogue import (
    Accepted,
    Answer,
    Detail,
    Failed,
    Inspection,
    Problem,
    Question,
    Refused,
    Unresolved,
    dump_answer,
    dump_question,
    parse_answer,
    parse_question,
)
from hydra_vertex.protocol.explanation import ArgumentKind, Composition, ExplainedArgument, Explanation

ARGUMENT = ExplainedArgument("--lr=1", ArgumentKind.VALUE, "lr", "float", "lr=1.0")
COMPOSITION = Composition({"lr": 1.0, "text": "a\nb\u2028"}, {"model": None, "db": "pg"})
EXPLANATION = Explanation(
    (ARGUMENT,),
    ("python", "train.py"),
    ("lr=1.0",),
    COMPOSITION,
    COMPOSITION,
    COMPOSITION,
    COMPOSITION,
    {"db": ("pg",)},
    flags=("--config-dir", "x"),
)


@pytest.mark.parametrize(
    "question", [Question(), Question(("--a=\n",), ("--config-dir", "d"), Detail.EXPLAIN), Question(arguments=())]
)
def test_a_question_is_one_line_and_read_as_it_was_written(question: Question) -> None:
    line = dump_question(question)

    assert line.count(b"\n") == 1
    assert parse_question(line) == question


@pytest.mark.parametrize(
    "answer",
    [
        Accepted(3),
        Accepted(3, (ARGUMENT,), Inspection(("a",), (Unresolved("b", "no"),), "val/loss"), COMPOSITION, EXPLANATION),
        Refused(1, (Problem("--lr=x", "expected a number"), Problem("", "two\nlines"))),
        Failed("no"),
    ],
)
def test_an_answer_is_one_line_and_read_as_it_was_written(answer: Answer) -> None:
    line = dump_answer(answer)

    assert line.count(b"\n") == 1
    assert parse_answer(line) == answer


@pytest.mark.parametrize(
    "line", [b"{}", b"[]", b'{"refused": []}', b'{"accepted": {"compositions": "1", "arguments": []}}']
)
def test_another_answer_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"expected|None"):
        parse_answer(line)
