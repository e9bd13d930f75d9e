from __future__ import annotations

import os

import pytest

from hydra_vertex.protocol.variables import variable_set


def test_a_variable_is_set_in_the_block_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_VARIABLE", "outer")
    with variable_set("SOME_VARIABLE", "inner"):
        assert os.environ["SOME_VARIABLE"] == "inner"
    assert os.environ["SOME_VARIABLE"] == "outer"


def test_a_variable_that_did_not_exist_is_removed_even_if_the_block_has_removed_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SOME_VARIABLE", raising=False)
    with variable_set("SOME_VARIABLE", "inner"):
        del os.environ["SOME_VARIABLE"]
    assert "SOME_VARIABLE" not in os.environ


def test_a_variable_is_restored_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOME_VARIABLE", raising=False)
    with pytest.raises(KeyError), variable_set("SOME_VARIABLE", "inner"):
        raise KeyError
    assert "SOME_VARIABLE" not in os.environ
