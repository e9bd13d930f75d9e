"""The literals that the sweeps of a search file give to a trial's parameters."""

from __future__ import annotations

import re

import pytest

from hydra_vertex.protocol.errors import ArgumentError
from hydra_vertex.trial.overrides.arguments import Parameter, parse_arguments, with_aliases
from hydra_vertex.trial.overrides.sweeps import literal_of, parse_sweep, with_literals


@pytest.mark.parametrize(
    ("sweep", "value", "literal"),
    [
        ("1, 0.5", "1.0", "1"),
        ("interval(1, 100)", "64", "64.0"),
        ("tag(log, interval(1e-5, 1e-1))", "1e-05", "1e-05"),
        ("int(interval(1, 100))", "64.0", "64"),
        ("range(1, 1000000000000)", "64.0", "64"),
        ("range(16, 65, 16)", "64.0", "64"),
        ("range(0.1, 0.5, 0.1)", "0.3", "0.30000000000000004"),
        ("null, relu", "null", "null"),
        ("'null', relu", "null", "'null'"),
        ("choice(true, 0.1, x)", "true", "True"),
        ("'1.10', '2'", "1.10", "'1.10'"),
        ("[1, a], [2]", "[1,a]", "[1,a]"),
        ("${lr}, 0.5", "${lr}", "$\\{lr\\}"),
        ("shuffle(choice(b, a, 3))", "3", "3"),
    ],
)
def test_a_value_is_written_as_in_the_search_file(sweep: str, value: str, literal: str) -> None:
    found = literal_of(value, parse_sweep(f"key={sweep}"))
    assert found is not None
    assert found.text == literal


@pytest.mark.parametrize(
    ("sweep", "value"),
    [
        ("1, 2", "3"),
        ("a, b", "c"),
        ("int(interval(1, 5))", "1.5"),
        ("int(interval(1, 5))", "nan"),
        ("interval(1, 5)", "x"),
        ("interval(1, 5)", "inf"),
    ],
)
def test_a_value_that_the_sweep_does_not_have_has_no_literal(sweep: str, value: str) -> None:
    assert literal_of(value, parse_sweep(f"key={sweep}")) is None


@pytest.mark.parametrize("text", ["lr", "lr=1", "lr=choice(", "lr=glob(*)"])
def test_an_option_that_is_no_sweep_is_refused(text: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(f"--sweep {text}")):
        parse_sweep(text)


def test_a_sweep_belongs_to_the_parameter_that_the_service_names_also_with_a_sign_or_an_alias() -> None:
    arguments = parse_arguments(["--+new=1.0", "--rate=2.0", "--other=1.0", "key=1"])
    aliased = with_aliases(with_literals(arguments, ["+new=1,2", "rate=1,2"]), {"rate": "optimizer.lr"})

    literals = {a.key: a.literal and a.literal.text for a in aliased if isinstance(a, Parameter)}
    assert literals == {"new": "1", "optimizer.lr": "2", "other": None}
