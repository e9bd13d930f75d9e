"""Conversion of a parameter's text to the type of its key."""

from __future__ import annotations

import math
import re
from enum import Enum

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.protocol.errors import ArgumentError
from hydra_vertex.trial.config.key_types import KeyType, ValueKind
from hydra_vertex.trial.overrides.values import value_text

_PARSER = OverridesParser.create()


class Color(Enum):
    RED = 1
    BLUE = "blue"
    on = 3


def _type(kind: ValueKind, *, optional: bool = False, declared: bool = True, enum: type[Enum] | None = None) -> KeyType:
    return KeyType(kind, optional, declared, enum)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("64", 64),
        ("64.0", 64),
        ("6.4e1", 64),
        ("+64", 64),
        ("-3", -3),
        (" 7 ", 7),
        ("1_000", 1000),
        ("007", 7),
        ("9007199254740993", 9007199254740993),
        ("9007199254740993.0", 9007199254740993),
        ("123456789012345678901234567890123", 123456789012345678901234567890123),
    ],
)
def test_an_integer_is_never_converted_through_a_float(text: str, value: int) -> None:
    assert value_text(text, _type(ValueKind.INTEGER)) == str(value)


@pytest.mark.parametrize("text", ["64.5", "abc", "", "1e-3", "nan", "inf", "1e999999999", "0x10", "٣", "1 2", "true"])
def test_a_value_that_is_not_an_integer_is_refused(text: str) -> None:
    with pytest.raises(ArgumentError, match="expected a whole number"):
        value_text(text, _type(ValueKind.INTEGER))


def test_the_error_for_a_fraction_tells_how_to_make_the_key_a_float() -> None:
    with pytest.raises(ArgumentError, match=r"write that as 1\.0"):
        value_text("0.5", _type(ValueKind.INTEGER, declared=False))


@given(st.integers())
def test_every_integer_is_preserved_when_written_as_a_protobuf_double(number: int) -> None:
    assert value_text(f"{number}.0", _type(ValueKind.INTEGER)) == str(number)


@given(st.floats(allow_nan=False))
def test_every_float_is_read_back_by_hydra_as_the_same_float(number: float) -> None:
    read = _PARSER.parse_override(f"key={value_text(str(number), _type(ValueKind.FLOAT))}").value()
    assert isinstance(read, float)
    assert read == number


@pytest.mark.parametrize(("text", "value"), [("64", "64.0"), ("1e-05", "1e-05"), ("-Infinity", "-inf"), ("NaN", "nan")])
def test_a_float_stays_a_float_even_when_it_is_whole(text: str, value: str) -> None:
    assert value_text(text, _type(ValueKind.FLOAT)) == value


@pytest.mark.parametrize("text", ["abc", "", "1e400", "1,2", "${x}"])
def test_a_value_that_is_not_a_number_is_refused(text: str) -> None:
    with pytest.raises(ArgumentError, match="expected a number"):
        value_text(text, _type(ValueKind.FLOAT))


@pytest.mark.parametrize("text", ["true", "True", "yes", "on", "1", "1.0"])
def test_common_words_for_true_are_accepted(text: str) -> None:
    assert value_text(text, _type(ValueKind.BOOLEAN)) == "true"


@pytest.mark.parametrize("text", ["false", "FALSE", "no", "off", "0", "0.0"])
def test_common_words_for_false_are_accepted(text: str) -> None:
    assert value_text(text, _type(ValueKind.BOOLEAN)) == "false"


@pytest.mark.parametrize("text", ["2", "", "maybe", "null"])
def test_other_words_are_not_booleans(text: str) -> None:
    with pytest.raises(ArgumentError, match="expected one of true, false"):
        value_text(text, _type(ValueKind.BOOLEAN))


@pytest.mark.parametrize("kind", [ValueKind.STRING, ValueKind.PATH])
@pytest.mark.parametrize("text", ["true", "null", "123", "1e-05", "007", "", "a,b", "choice(1,2)", "${oc.env:HOME}"])
def test_a_string_is_not_changed(kind: ValueKind, text: str) -> None:
    assert _PARSER.parse_override(f"key={value_text(text, _type(kind))}").value() == text.replace("${", "\\${")


@pytest.mark.parametrize("kind", list(ValueKind))
def test_null_is_null_where_a_schema_makes_it_optional(kind: ValueKind) -> None:
    enum = Color if kind is ValueKind.ENUM else None
    assert value_text("null", _type(kind, optional=True, enum=enum)) == "null"


def test_null_for_an_untyped_string_is_a_string() -> None:
    assert value_text("null", _type(ValueKind.STRING, optional=True, declared=False)) == "'null'"


@pytest.mark.parametrize(
    ("text", "value"), [("RED", "RED"), ("Color.RED", "RED"), ("1.0", "RED"), ("blue", "BLUE"), ("on", "on")]
)
def test_an_enum_accepts_a_name_or_a_value(text: str, value: str) -> None:
    assert value_text(text, _type(ValueKind.ENUM, enum=Color)) == value


def test_the_error_for_an_unknown_member_lists_the_members() -> None:
    with pytest.raises(ArgumentError, match="expected one of RED, BLUE, on"):
        value_text("green", _type(ValueKind.ENUM, enum=Color))


def _of(kind: ValueKind, element: KeyType) -> KeyType:
    return KeyType(kind, False, True, element=element)


INTS = _of(ValueKind.LIST, KeyType(ValueKind.INTEGER, False, True))


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        (INTS, "[32.0, 9007199254740993]", "[32,9007199254740993]"),
        (_of(ValueKind.LIST, INTS), "[[1.0],[]]", "[[1],[]]"),
        (
            _of(ValueKind.LIST, KeyType(ValueKind.STRING, False, True)),
            "[1,true,'a b',null]",
            "['1','true','a b','null']",
        ),
        (_of(ValueKind.LIST, KeyType(ValueKind.FLOAT, True, True)), "[1,null,1e-5]", "[1.0,null,1e-05]"),
        (_of(ValueKind.DICT, KeyType(ValueKind.FLOAT, False, True)), r"{a: 1, b\ c: 2}", r"{a:1.0,b\ c:2.0}"),
    ],
)
def test_the_items_of_a_container_get_their_declared_type(type_: KeyType, text: str, value: str) -> None:
    written = value_text(text, type_)
    assert written == value
    assert value_text(written, type_) == value


@pytest.mark.parametrize(
    ("type_", "text", "message"),
    [
        (INTS, "[1.5]", "its item '1.5' is of the wrong type: expected a whole number"),
        (INTS, "[[1]]", "is of the wrong type: expected int"),
        (_of(ValueKind.DICT, INTS), "{a: 1}", "its item '1' is of the wrong type: expected a list"),
    ],
)
def test_an_item_of_another_type_is_refused(type_: KeyType, text: str, message: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(message)):
        value_text(text, type_)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (ValueKind.LIST, "[64,128]"),
        (ValueKind.LIST, "[]"),
        (ValueKind.DICT, "{a:1,b:[x]}"),
        (ValueKind.LIST, "['a b',null]"),
    ],
)
def test_a_container_in_hydras_syntax_is_accepted(kind: ValueKind, text: str) -> None:
    assert value_text(text, _type(kind)) == text


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (ValueKind.LIST, "{a:1}"),
        (ValueKind.DICT, "[1]"),
        (ValueKind.LIST, "1,2"),
        (ValueKind.LIST, "[1"),
        (ValueKind.LIST, "[${x}]"),
        (ValueKind.LIST, "['${x}']"),
        (ValueKind.LIST, "[1],[2]"),
        (ValueKind.LIST, "range(3)"),
        (ValueKind.DICT, ""),
    ],
)
def test_other_texts_are_not_containers(kind: ValueKind, text: str) -> None:
    with pytest.raises(ArgumentError, match=f"expected a {kind.value}"):
        value_text(text, _type(kind))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("1e-3", 0.001),
        ("true", True),
        ("null", None),
        ("adam", "adam"),
        ("a,b", "a,b"),
        ("choice(1,2)", "choice(1,2)"),
        ("int(3.7)", "int(3.7)"),
        ("glob(*)", "glob(*)"),
        ("a=b", "a=b"),
        ("'quoted'", "'quoted'"),
        ("[64,128]", [64, 128]),
        ("[64", "[64"),
        ("", ""),
    ],
)
def test_a_key_without_a_type_gets_plain_data_as_hydra_parses_it(text: str, value: object) -> None:
    override = _PARSER.parse_override(f"key={value_text(text, _type(ValueKind.ANY, optional=True))}")
    assert override.value() == value
    assert not override.is_sweep_override()


@given(st.text(max_size=10) | st.text(st.sampled_from("1e.-+_[]{}(),:'\"$ a\\"), max_size=8))
def test_an_untyped_key_gets_data_for_any_text(text: str) -> None:
    override = _PARSER.parse_override(f"key={value_text(text, _type(ValueKind.ANY, optional=True))}")
    assert not override.is_sweep_override()
    value = override.value()
    if isinstance(value, float) and math.isnan(value):
        assert text.strip().casefold().lstrip("+-") == "nan"


def test_a_value_of_type_bytes_is_refused() -> None:
    with pytest.raises(ArgumentError, match="cannot express bytes"):
        value_text("x", _type(ValueKind.BYTES))
