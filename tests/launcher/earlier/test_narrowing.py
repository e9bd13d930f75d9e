"""A narrowed search space is a part of the old one, and has the best earlier trials in it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest
from hypothesis import given, settings

from hydra_vertex.job import (
    Categorical,
    ConditionalParameter,
    Discrete,
    DoubleRange,
    HyperparameterTuningJob,
    IntegerRange,
    Measurement,
    ParameterSpec,
    ParameterValue,
    ScaleType,
    StudySpec,
    Trial,
    TrialJobSpec,
    TrialState,
    walk_parameters,
)
from hydra_vertex.job.parameters import contains
from hydra_vertex.launcher.earlier.comparison import lies_in
from hydra_vertex.launcher.earlier.narrowing import Narrowing, best_trials, narrow
from hydra_vertex.service.validation.search_space import validate_space
from launcher.earlier.spaces import METRIC, studies

Studies = tuple[StudySpec, tuple[HyperparameterTuningJob, ...]]


@settings(max_examples=150, deadline=None)
@given(studies())
def test_the_narrowed_space_is_a_part_of_the_old_one_with_the_best_trials_in_it(case: Studies) -> None:
    spec, jobs = case
    best = [trial for job in jobs for trial in best_trials(job, spec)]
    found = narrow(spec, jobs)
    assert (found is None) == (not best)
    if found is None:
        return

    assert_is_part(found.spec.parameters, spec.parameters)
    assert dataclasses.replace(found.spec, parameters=spec.parameters) == spec, "nothing else of the study changes"
    assert all(lies_in(trial, found.spec) for trial in best)
    assert found.best_trials == len(best)
    validate_space(found.spec)
    assert_changes_are_named(found, spec)


def assert_is_part(new: Sequence[ParameterSpec], old: Sequence[ParameterSpec]) -> None:
    assert [one.id for one in new] == [one.id for one in old]
    for narrowed, wide in zip(new, old, strict=True):
        assert type(narrowed.domain) is type(wide.domain)
        assert narrowed.scale is wide.scale
        assert narrowed.domain.default in {None, wide.domain.default}
        assert_domain_is_part(narrowed, wide)
        kept = {child.spec.id: child for child in narrowed.children}
        for child in wide.children:
            when = tuple(value for value in child.when if has(narrowed, value))
            assert (child.spec.id in kept) == bool(when), "only what can be active no more is left out"
            if when:
                assert kept[child.spec.id].when == when
                assert_is_part((kept[child.spec.id].spec,), (child.spec,))


def assert_domain_is_part(narrowed: ParameterSpec, wide: ParameterSpec) -> None:
    match narrowed.domain, wide.domain:
        case (Categorical(some), Categorical(all_of)) | (Discrete(some), Discrete(all_of)):
            assert some
            assert [value for value in all_of if value in some] == list(some), "in the same order"
        case (DoubleRange(low, high), DoubleRange(least, most)) | (IntegerRange(low, high), IntegerRange(least, most)):
            assert least <= low <= high <= most
        case _:
            raise AssertionError


def has(parameter: ParameterSpec, value: ParameterValue) -> bool:
    domain = parameter.domain
    return value in domain.values if isinstance(domain, (Categorical, Discrete)) else contains(domain, value)


def assert_changes_are_named(found: Narrowing, spec: StudySpec) -> None:
    old = {one.id: one for one in walk_parameters(spec.parameters)}
    new = {one.id: one for one in walk_parameters(found.spec.parameters)}
    changed = {name for name in old if name not in new or values_of(old[name]) != values_of(new[name])}
    assert {change.old.id for change in found.changes} == changed
    assert {change.old.id for change in found.changes if change.new is None} == old.keys() - new.keys()
    assert set(found.without_default) == {
        name for name in new if old[name].domain.default is not None and new[name].domain.default is None
    }
    assert not set(found.unknown) & {change.old.id for change in found.changes}


def values_of(parameter: ParameterSpec) -> object:
    return dataclasses.replace(parameter.domain, default=None)


def study(
    rows: Sequence[dict[str, ParameterValue]], *, failed: Sequence[dict[str, ParameterValue]] = ()
) -> HyperparameterTuningJob:
    """Return a study whose trials are given from the best on."""
    good = [
        Trial(str(number), TrialState.SUCCEEDED, row, final_measurement=Measurement({METRIC.id: float(number)}))
        for number, row in enumerate(rows, start=1)
    ]
    bad = [Trial(str(number), TrialState.INFEASIBLE, row) for number, row in enumerate(failed, start=len(rows) + 1)]
    spec = StudySpec((METRIC,), ())
    return HyperparameterTuningJob("s", spec, TrialJobSpec(worker_pools=()), 99, 1, trials=(*good, *bad))


def narrowed(parameter: ParameterSpec, *jobs: HyperparameterTuningJob) -> Narrowing:
    found = narrow(StudySpec((METRIC,), (parameter,)), jobs)
    assert found is not None
    return found


def of(name: str, *values: ParameterValue) -> list[dict[str, ParameterValue]]:
    return [{name: value} for value in values]


RATE = ParameterSpec("lr", DoubleRange(1e-5, 1e-1), ScaleType.LOG)


@pytest.mark.parametrize(
    ("domain", "scale", "best", "expected"),
    [
        (DoubleRange(0.0, 1.0), None, (0.5, 0.52, 0.54), (0.4, 0.64)),
        (DoubleRange(0.0, 1.0), None, (0.3, 0.5, 0.7), (0.1, 0.9)),
        (DoubleRange(0.0, 1.0), None, (0.02, 0.03, 0.04), (0.0, 0.14)),
        (DoubleRange(1e-5, 1e-1), ScaleType.LOG, (1e-3, 1.1e-3, 1.2e-3), (3.9e-4, 3.1e-3)),
        (DoubleRange(0.001, 0.999), ScaleType.REVERSE_LOG, (0.99, 0.99, 0.99), (0.98, 0.995)),
        (IntegerRange(1, 100), None, (50.0, 51.0, 52.0), (40, 62)),
        (IntegerRange(1, 4096), ScaleType.LOG, (64.0, 64.0, 64.0), (27, 148)),
        (IntegerRange(1, 6), None, (3.0, 3.0, 3.0), (2, 4)),
        (IntegerRange(3, 3), None, (3.0, 3.0, 3.0), (3, 3)),
    ],
)
def test_an_interval_has_a_margin_of_the_mean_distance_and_a_tenth_of_the_old_range_at_least(
    domain: DoubleRange | IntegerRange,
    scale: ScaleType | None,
    best: tuple[float, ...],
    expected: tuple[float, float],
) -> None:
    found = narrowed(ParameterSpec("p", domain, scale), study(of("p", *best)))

    new = found.spec.parameters[0].domain
    assert isinstance(new, (DoubleRange, IntegerRange))
    assert (new.min, new.max) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("best", "expected"),
    [
        ((32.0, 32.0, 32.0), (16.0, 32.0, 64.0)),
        ((8.0, 8.0, 8.0), (8.0, 16.0)),
        ((20.0, 20.0, 20.0), (16.0, 32.0)),
        ((16.0, 64.0, 32.0), (8.0, 16.0, 32.0, 64.0, 128.0)),
    ],
)
def test_of_a_list_the_neighbours_of_the_best_values_stay(best: tuple[float, ...], expected: tuple[float, ...]) -> None:
    batch = ParameterSpec("b", Discrete((8.0, 16.0, 32.0, 64.0, 128.0, 256.0)))

    domain = narrowed(batch, study(of("b", *best))).spec.parameters[0].domain

    assert isinstance(domain, Discrete)
    assert domain.values == expected


@pytest.mark.parametrize(
    ("rows", "failed", "stays"),
    [
        ("aaaabbbb", "", False),
        ("aaaabbb", "", True),
        ("aaabbbab", "", True),
        ("aaaaaabbb", "b", False),
        ("aaaabb", "bb", False),
    ],
    ids=["4 in the worse half", "too few", "one in the better half", "3 and a failed one", "2 and 2 failed ones"],
)
def test_a_category_is_left_out_when_four_trials_had_it_and_none_of_the_better_half(
    rows: str, failed: str, stays: bool
) -> None:
    letters = ParameterSpec("c", Categorical(("a", "b", "untried")))

    domain = narrowed(letters, study(of("c", *rows), failed=of("c", *failed))).spec.parameters[0].domain

    assert isinstance(domain, Categorical)
    assert domain.values == (("a", "b", "untried") if stays else ("a", "untried"))


def test_a_category_that_is_good_in_one_of_two_studies_stays() -> None:
    letters = ParameterSpec("c", Categorical(("a", "b")))

    found = narrowed(letters, study(of("c", *"aaaabbbb")), study(of("c", *"bbbbaaaa")))

    assert found.changes == ()


MOMENTUM = ParameterSpec("momentum", DoubleRange(0.5, 0.99))
BETA = ParameterSpec("beta", DoubleRange(0.9, 0.999))
OPTIMIZER = ParameterSpec(
    "optimizer",
    Categorical(("adam", "sgd", "lion"), default="sgd"),
    children=(ConditionalParameter(("sgd",), MOMENTUM), ConditionalParameter(("adam", "lion", "sgd"), BETA)),
)


def test_what_exists_only_with_a_value_that_is_left_out_is_left_out_too() -> None:
    good: list[dict[str, ParameterValue]] = [{"optimizer": "adam", "beta": 0.95}] * 4
    bad: list[dict[str, ParameterValue]] = [{"optimizer": "sgd", "momentum": 0.9, "beta": 0.95}] * 4

    found = narrowed(OPTIMIZER, study([*good, *bad]))

    optimizer = found.spec.parameters[0]
    assert optimizer.domain == Categorical(("adam", "lion"))
    assert [(child.when, child.spec.id) for child in optimizer.children] == [(("adam", "lion"), "beta")]
    assert [(change.old.id, change.new is None) for change in found.changes] == [
        ("optimizer", False),
        ("momentum", True),
        ("beta", False),
    ]
    assert found.without_default == ("optimizer",)


def test_a_parameter_that_no_best_trial_has_stays_as_it_is() -> None:
    found = narrowed(OPTIMIZER, study([{"optimizer": "adam", "beta": 0.95}] * 3))

    assert found.unknown == ("momentum",)
    assert found.spec.parameters[0].children[0].spec == MOMENTUM


@pytest.mark.parametrize(("count", "used"), [(2, 0), (3, 3), (12, 3), (13, 3), (16, 4), (40, 10)])
def test_the_best_quarter_is_used_and_three_trials_at_least(count: int, used: int) -> None:
    job = study(of("lr", *[1e-3] * count))

    assert len(best_trials(job, StudySpec((METRIC,), (RATE,)))) == used


def test_trials_outside_of_the_space_do_not_count() -> None:
    job = study([*of("lr", 5.0, 5.0, 5.0, 5.0), *of("lr", 1e-3, 1e-3, 1e-3)])

    found = narrowed(RATE, job)

    assert found.best_trials == 3
    assert found.spec.parameters[0].domain == DoubleRange(0.00039, 0.0026)


def test_a_requested_point_counts_alone_too() -> None:
    requested = Trial("1", TrialState.REQUESTED, {"lr": 1e-3})
    job = dataclasses.replace(study([]), trials=(requested,))

    assert narrowed(RATE, job).spec.parameters[0].domain == DoubleRange(0.00039, 0.0026)


def test_a_study_without_enough_trials_says_nothing() -> None:
    assert narrow(StudySpec((METRIC,), (RATE,)), [study(of("lr", 1e-3, 1e-3))]) is None


def test_the_ends_have_few_digits() -> None:
    values = [10 ** (-3 + 0.0137 * step) for step in range(3)]

    domain = narrowed(RATE, study(of("lr", *values))).spec.parameters[0].domain

    assert isinstance(domain, DoubleRange)
    assert (domain.min, domain.max) == (0.00039, 0.0027)
