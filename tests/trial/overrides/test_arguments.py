"""Parsing of the app's arguments into parameters, Hydra flags and Hydra overrides."""

from __future__ import annotations

import argparse

import pytest
from hydra._internal.utils import get_args_parser
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.protocol.errors import ArgumentError
from hydra_vertex.trial.overrides.arguments import (
    Flag,
    Override,
    Parameter,
    flag_tokens,
    override_texts,
    parse_arguments,
    with_aliases,
)


@pytest.mark.parametrize(
    ("argument", "key", "text"),
    [
        ("--lr=0.1", "lr", "0.1"),
        ("--optimizer.lr=", "optimizer.lr", ""),
        ("--x==", "x", "="),
        ("--x=a=b", "x", "a=b"),
        ("--x=--y", "x", "--y"),
        ("--run=3", "run", "3"),
        ("--multirun=true", "multirun", "true"),
        ("--help=no", "help", "no"),
        ("--db/engine@db.main=a", "db/engine@db.main", "a"),
        ("--name= spaced ", "name", " spaced "),
    ],
)
def test_a_value_after_the_equals_sign_is_verbatim(argument: str, key: str, text: str) -> None:
    assert parse_arguments([argument]) == (Parameter(key, text, argument),)


@pytest.mark.parametrize("value", ["3", "-3", "-1e-5", "-inf", "x=1", "-x", ""])
def test_a_negative_number_is_a_value_not_a_flag(value: str) -> None:
    assert parse_arguments(["--lr", value, "b=1"]) == (Parameter("lr", value, f"--lr {value}"), Override("b=1"))


@pytest.mark.parametrize("following", [[], ["--b=1"], ["--multirun"], ["-m"], ["-cn", "x"]])
def test_a_parameter_without_a_value_is_refused(following: list[str]) -> None:
    with pytest.raises(ArgumentError, match="--lr has no value"):
        parse_arguments(["--lr", *following])


@pytest.mark.parametrize("text", ["a=1", "+a=1", "++a=1", "~a", "~a=1", "a=1,2", "-x", "--=3"])
def test_other_arguments_are_hydra_overrides(text: str) -> None:
    assert parse_arguments([text]) == (Override(text),)


@pytest.mark.parametrize(
    ("tokens", "flag"),
    [
        (["--config-name", "x"], Flag("--config-name", "x", ("--config-name", "x"))),
        (["-cn", "x"], Flag("--config-name", "x", ("-cn", "x"))),
        (["-cn=x"], Flag("--config-name", "x", ("-cn=x",))),
        (["--cfg=job"], Flag("--cfg", "job", ("--cfg=job",))),
        (["-m"], Flag("--multirun", "", ("-m",))),
        (["--info", "config"], Flag("--info", "config", ("--info", "config"))),
        (["--info"], Flag("--info", "all", ("--info", "all"))),
    ],
)
def test_a_flag_of_hydra_keeps_its_spelling(tokens: list[str], flag: Flag) -> None:
    assert parse_arguments([*tokens, "a=1"]) == (flag, Override("a=1"))


def test_a_flag_of_hydra_that_needs_a_value_is_refused_without_one() -> None:
    with pytest.raises(ArgumentError, match="--config-name is a Hydra flag and needs a value"):
        parse_arguments(["--config-name"])


def _spellings() -> list[tuple[str, argparse.Action]]:
    return [(spelling, action) for action in get_args_parser()._actions for spelling in action.option_strings]


@pytest.mark.parametrize(("spelling", "action"), _spellings(), ids=[spelling for spelling, _ in _spellings()])
def test_every_flag_of_the_installed_hydra_is_known(spelling: str, action: argparse.Action) -> None:
    takes_value = action.nargs in (None, "?")
    (argument,) = parse_arguments([spelling, "all"] if takes_value else [spelling])
    assert isinstance(argument, Flag)
    assert argument.name in action.option_strings


def test_a_bare_separator_is_dropped_at_any_position() -> None:
    assert parse_arguments(["--", "a=1", "--", "--b=2", "--"]) == (Override("a=1"), Parameter("b", "2", "--b=2"))


@pytest.mark.parametrize(
    ("tokens", "parameter"),
    [
        (["--+a=1"], Parameter("a", "1", "--+a=1", "+")),
        (["--++a=1"], Parameter("a", "1", "--++a=1", "++")),
        (["--+a", "1"], Parameter("a", "1", "--+a 1", "+")),
        (["--+++a=1"], Parameter("+a", "1", "--+++a=1", "++")),
    ],
)
def test_the_sign_is_not_part_of_the_key(tokens: list[str], parameter: Parameter) -> None:
    assert parse_arguments(tokens) == (parameter,)


def test_an_alias_renames_a_parameter_and_nothing_else() -> None:
    arguments = parse_arguments(["--lr=1", "lr=2", "--x=3", "--y=4"])
    renamed = with_aliases(arguments, {"lr": "opt.lr", "y": "++new"})
    assert renamed == (
        Parameter("opt.lr", "1", "--lr=1"),
        Override("lr=2"),
        Parameter("x", "3", "--x=3"),
        Parameter("new", "4", "--y=4", "++"),
    )


@given(st.lists(st.sampled_from(["a=1", "-m", "--x=3", "-cn", "--y", "c", "--info", "~d", "-7"])))
def test_parsing_neither_drops_nor_adds_arguments(tokens: list[str]) -> None:
    try:
        arguments = parse_arguments(tokens)
    except ArgumentError:
        return
    written = [a.argument if isinstance(a, Parameter) else None for a in arguments]
    parameters = " ".join(word for word in written if word is not None).split()
    delivered = [*flag_tokens(arguments), *override_texts(arguments), *parameters]
    made_up = delivered.count("all")
    assert sorted([*tokens, *["all"] * made_up]) == sorted(delivered)


_WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
_KEYS = st.from_regex(r"[a-z_][a-z0-9_]{0,4}(\.[a-z0-9]{1,3})?", fullmatch=True)
_WRITTEN = st.one_of(
    st.builds(lambda key, text: ([f"--{key}={text}"], Parameter(key, text, f"--{key}={text}")), _KEYS, _WORDS).filter(
        lambda written: written[1].key not in ("cfg", "package", "info")
    ),
    st.builds(
        lambda key, number: ([f"--{key}x", str(number)], Parameter(f"{key}x", str(number), f"--{key}x {number}")),
        _KEYS,
        st.integers() | st.floats(),
    ),
    st.builds(
        lambda sign, key, text: ([f"{sign}{key}={text}"], Override(f"{sign}{key}={text}")),
        st.sampled_from(["", "+", "++", "~"]),
        _KEYS,
        _WORDS,
    ),
    st.sampled_from(
        [
            (["-m"], Flag("--multirun", "", ("-m",))),
            (["--config-name", "x"], Flag("--config-name", "x", ("--config-name", "x"))),
            (["--cfg=job"], Flag("--cfg", "job", ("--cfg=job",))),
        ]
    ),
)


@given(st.lists(_WRITTEN, max_size=8))
def test_any_mixture_of_arguments_is_classified_in_its_order(
    written: list[tuple[list[str], Parameter | Override | Flag]],
) -> None:
    parsed = parse_arguments([token for tokens, _ in written for token in tokens])
    assert list(parsed) == [argument for _, argument in written]
