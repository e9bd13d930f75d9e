"""Conditions in a sweeper file: tags in Hydra's own grammar."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep

from hydra_vertex.job import DoubleRange, ParameterSpec, ScaleType
from hydra_vertex.launcher.search_space import load_search_space
from hydra_vertex.protocol.errors import SearchSpaceError

FORM = "hydra:\n  sweeper:\n    direction: minimize\n    params:\n"


def parameters(folder: Path, *params: str) -> tuple[ParameterSpec, ...]:
    file = folder / "search.yaml"
    file.write_text(FORM + "".join(f"      {param}\n" for param in params))
    return load_search_space(file).study_spec.parameters


@pytest.mark.parametrize(
    ("parent", "tags", "when"),
    [
        ("choice(adam, sgd, rms)", "'p=sgd'", ("sgd",)),
        ("choice(adam, sgd, rms)", "'p=rms,sgd'", ("sgd", "rms")),
        ("choice(adam, sgd, rms)", "'p=rms', 'p=sgd'", ("sgd", "rms")),
        ("choice(16, 32, 64)", "'p=64', 'p=16'", (16.0, 64.0)),
        ("int(interval(1, 8))", "'p=2, 3'", (2.0, 3.0)),
        ("null, step", "'p=null'", ("null",)),
        ("choice(true, false)", "'p=true'", ("true",)),
    ],
)
def test_a_tag_makes_a_param_conditional(
    tmp_path: Path, parent: str, tags: str, when: tuple[str, ...] | tuple[float, ...]
) -> None:
    (spec,) = parameters(tmp_path, f"m: tag({tags}, log, interval(0.5, 0.9))", f"p: {parent}")

    assert [(child.when, child.spec) for child in spec.children] == [
        (when, ParameterSpec("m", DoubleRange(0.5, 0.9), ScaleType.LOG))
    ]


def test_conditions_may_be_nested(tmp_path: Path) -> None:
    (a,) = parameters(tmp_path, "a: choice(x, y)", "b: tag('a=x', choice(u, v))", "c: tag('b=v', int(interval(1, 2)))")

    assert [(child.spec.id, child.when) for child in a.children] == [("b", ("x",))]
    assert [(child.spec.id, child.when) for child in a.children[0].spec.children] == [("c", ("v",))]


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        (("p: choice(a, b)", "m: tag('q=a', interval(0, 1))"), "depends on q, which is no parameter of the space"),
        (("p: choice(a, b)", "m: tag('p=c', interval(0, 1))"), "p=c is not one of its values: a, b"),
        (("p: int(interval(1, 3))", "m: tag('p=4', interval(0, 1))"), "p=4 is not one of its values: 1 to 3"),
        (("p: interval(1, 3)", "m: tag('p=2', interval(0, 1))"), "cannot depend on an interval of floats"),
        (("p: choice(a, b)", "q: choice(c, d)", "m: tag('p=a', 'q=c', interval(0, 1))"), "depends on p and q"),
        (("p: choice(a, b)", "m: tag('p=a', choice(1))"), "m: has one value, so it is set in all trials"),
        (("p: tag('q=c', choice(a, b))", "q: tag('p=a', choice(c, d))"), "depends on itself"),
        (("p: choice(a, b)", "m: tag(lg, interval(0, 1))"), "the tags are lg; expected one of log"),
    ],
)
def test_a_condition_that_no_study_can_have_is_refused(tmp_path: Path, params: tuple[str, ...], problem: str) -> None:
    with pytest.raises(SearchSpaceError, match=f"search.yaml: .*{problem}"):
        parameters(tmp_path, *params)


def test_hydra_itself_reads_the_same_sweep_with_and_without_a_condition() -> None:
    with_tag, without = (
        OverridesParser.create().parse_override(f"m={text}").value()
        for text in ("tag('optimizer=sgd', interval(0.5, 0.9))", "interval(0.5, 0.9)")
    )

    assert isinstance(with_tag, IntervalSweep)
    assert isinstance(without, IntervalSweep)
    assert (with_tag.start, with_tag.end) == (without.start, without.end)
