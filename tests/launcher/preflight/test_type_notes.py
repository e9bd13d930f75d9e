"""The sentences about keys whose values get another type than the config's own."""

from __future__ import annotations

import pytest

from hydra_vertex.launcher.preflight.type_notes import type_notes
from hydra_vertex.protocol.explanation import ArgumentKind, ExplainedArgument
from hydra_vertex.protocol.json import Json


def notes(type_: str, value: Json) -> list[str]:
    argument = ExplainedArgument("--optimizer.decay=1", ArgumentKind.VALUE, "optimizer.decay", type_, "")
    return list(type_notes((argument, argument), {"optimizer": {"decay": value}}).values())


def test_floats_for_a_whole_number_are_named_once() -> None:
    assert notes("float", 0) == ["optimizer.decay is 0 in the app's config, a whole number; trials set it to floats"]


@pytest.mark.parametrize(
    ("type_", "value"), [("float", 0.5), ("float", None), ("int", 0), ("float", True), ("int", 0.5)]
)
def test_other_types_are_not_named(type_: str, value: Json) -> None:
    assert notes(type_, value) == []
