"""Checks that a public function documents the errors that it raises, because its signature cannot."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from conftest import ROOT

PLACES = ("components", "pipelines")
Function = ast.FunctionDef | ast.AsyncFunctionDef
NOT_DOCUMENTED = {"AssertionError", "StopIteration", "SystemExit", "KeyboardInterrupt"}
"""Exceptions that are not errors of the caller."""


def functions(tree: ast.AST) -> Iterator[Function]:
    """Yield public functions, and public methods of public classes."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function) and not node.name.startswith("_"):
            yield node
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from functions(node)


def own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a function, without those of nested functions and classes."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, Function | ast.Lambda | ast.ClassDef):
            yield child
            yield from own_nodes(child)


def raised(function: Function) -> set[str]:
    """Return the names of the errors that a function's own `raise` statements create."""
    found = set()
    for node in own_nodes(function):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            found.add(ast.unparse(node.exc.func).rpartition(".")[2])
    return {name for name in found if name[:1].isupper()} - NOT_DOCUMENTED


CASES = [
    pytest.param(function, id=f"{path.relative_to(ROOT)}:{function.name}")
    for place in PLACES
    for path in sorted((ROOT / place).rglob("*.py"))
    for function in functions(ast.parse(path.read_text()))
    if raised(function)
]


def test_the_check_finds_functions() -> None:
    assert len(CASES) > 50


@pytest.mark.parametrize("function", CASES)
def test_a_public_function_documents_the_errors_that_it_raises(function: Function) -> None:
    text = ast.get_docstring(function) or ""
    assert re.search(r"\b[Rr]aises?\b", text), f"{function.name} raises {', '.join(sorted(raised(function)))}"
