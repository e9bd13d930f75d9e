"""JSON of trials and of other programs, which may be anything."""

from __future__ import annotations

import pytest

from hydra_vertex.protocol import json


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, b"[" * 100_000, "{", b"\xff"], ids=lambda text: text[:4]
)
def test_text_that_is_no_json_or_nested_too_deeply_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"nested too deeply|Expecting|decode"):
        json.loads(text)
