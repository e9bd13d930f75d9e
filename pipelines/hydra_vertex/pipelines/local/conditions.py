"""Evaluates the conditions of a pipeline's tasks (`dsl.If`), which kfp compiles to expressions of CEL.

Source of the forms: `_single_binary_operation_to_cel_condition` in kfp's pipeline_spec_builder.py.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.json import Json

_REFERENCE = re.compile(r"inputs\.parameter_values\['([^']+)'\]")
_TEXT = re.compile(r"('(?:[^'\\]|\\.)*')")
_COMPARE: Mapping[type, Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_CONVERT: Mapping[str, Callable[[Any], Json]] = {"int": int, "double": float, "string": str}
_WORDS: Mapping[str, Json] = {"true": True, "false": False, "null": None}


def inputs_of(condition: str) -> tuple[str, ...]:
    """Return the names of the inputs of a condition. Raises UserError when the condition has an unknown form."""
    tree, names = _parsed(condition)
    _evaluate(tree, dict.fromkeys((f"input_{at}" for at in range(len(names))), 0), condition, is_dry=True)
    return names


def holds(condition: str, value_of: Callable[[str], Json]) -> bool:
    """Evaluate a condition. `value_of` returns an input's value.

    Raises UserError for an unknown form, and for values that cannot be compared, such as none with a number.
    """
    tree, names = _parsed(condition)
    values = [value_of(name) for name in names]
    try:
        return bool(_evaluate(tree, {f"input_{at}": value for at, value in enumerate(values)}, condition))
    except (TypeError, ValueError) as error:
        given = ", ".join(f"{name} = {excerpt(repr(value), 80)}" for name, value in zip(names, values, strict=True))
        raise UserError(f"the condition {condition} cannot be evaluated with {given} ({error})") from error


def _parsed(condition: str) -> tuple[ast.expr, tuple[str, ...]]:
    names: list[str] = []

    def numbered(found: re.Match[str]) -> str:
        names.append(found[1])
        return f"input_{len(names) - 1}"

    pieces = _TEXT.split(_REFERENCE.sub(numbered, condition))
    text = "".join(piece if at % 2 else _as_python(piece) for at, piece in enumerate(pieces))
    try:
        return ast.parse(text.strip(), mode="eval").body, tuple(names)
    except SyntaxError as error:
        raise _unknown(condition) from error


def _as_python(piece: str) -> str:
    return re.sub(r"!(?!=)", " not ", piece.replace("&&", " and ").replace("||", " or "))


def _evaluate(node: ast.expr, values: Mapping[str, Json], condition: str, *, is_dry: bool = False) -> Any:
    def inner(part: ast.expr) -> Any:
        return _evaluate(part, values, condition, is_dry=is_dry)

    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name) if name in values or name in _WORDS:
            return values[name] if name in values else _WORDS[name]
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not inner(operand)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -inner(operand)
        case ast.BoolOp(op=op, values=parts):
            found = [inner(part) for part in parts]
            return all(found) if isinstance(op, ast.And) else any(found)
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in _CONVERT:
            return _CONVERT[name](inner(argument))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARE:
            pair = inner(left), inner(right)
            return is_dry or _COMPARE[type(op)](*pair)
    raise _unknown(condition)


def _unknown(condition: str) -> UserError:
    return UserError(f"the condition {condition} has a form that is not known here")
