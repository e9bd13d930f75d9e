"""The variants of the benchmark of earlier studies."""

from __future__ import annotations

import pytest

from start_from import PROBLEMS, VARIANTS, as_text, moved, row
from start_from import in_other_space as other_space


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: str(problem.name))
def test_the_mirrored_value_of_a_mirrored_value_is_the_value(problem) -> None:  # type: ignore[no-untyped-def]
    for spec in problem.parameters:
        value = spec.domain.values[0] if hasattr(spec.domain, "values") else moved(spec, spec.domain.min, 0.3)
        again = moved(spec, moved(spec, value, 0.0, mirrored=True), 0.0, mirrored=True)
        assert again == (value if isinstance(value, str) else pytest.approx(value))


def test_the_variants_change_values_or_points_as_they_say() -> None:
    branin = PROBLEMS[0]
    best = {"x0": 3.141592653589793, "x1": 2.275}
    value = branin.evaluate(best)
    assert value == pytest.approx(branin.minimum)
    assert VARIANTS["scaled"](branin).evaluate(best) == pytest.approx(1e3 * branin.minimum + 5e4)
    assert VARIANTS["opposite"](branin).evaluate(best) == pytest.approx(-branin.minimum)
    assert VARIANTS["other optimum"](branin).evaluate({"x0": 5.0 - best["x0"], "x1": 15.0 - best["x1"]}) == value


def test_another_space_lacks_one_parameter_and_has_one_more() -> None:
    names = [spec.id for spec in other_space(PROBLEMS[0]).parameters]

    assert names == ["x1", "without effect"]


def test_a_row_counts_the_seeds_that_ended_better_and_worse() -> None:
    found = row("p", "same", 12, [1.0, 2.0, 3.0], [2.0, 2.0, 1.0])

    assert as_text(found) == "| p | same | 12 | 2 | 2 | 1 : 1 |"
