"""The table of a study fits its terminal: nothing is wrapped, and what is cut or left out is said so."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from hydra_vertex.job import DoubleRange, HyperparameterTuningJob, JobState, ParameterSpec, TrialState
from hydra_vertex.launcher.study.live_table import render
from hydra_vertex.launcher.study.table_layout import Column, fit
from launcher.jobs import SPEC, START, make_job, make_trial

NAMES = ("optimizer.lr", "optimizer.weight_decay", "model.depth", "model.width", "model.activation", "model.dropout")
VALUES = (0.0009665238, 0.1465825, 4.0, 1e-12, "gelu", 123456.75)
NOW = START + timedelta(seconds=5000)


def study(trials: int, parameters: int, running: int = 2, value: str = "") -> HyperparameterTuningJob:
    """Return a running study, whose best trial is the third. A `value` is that of every parameter."""
    keys = [f"{NAMES[at % len(NAMES)]}{at // len(NAMES) or ''}" for at in range(parameters)]
    given = {key: value or VALUES[at % len(VALUES)] for at, key in enumerate(keys)}
    ended = trials - running
    made = [make_trial(at, 1.0 if at == 3 else 1 + at / 7, parameters=given) for at in range(1, ended + 1)]
    made += [make_trial(at, None, TrialState.ACTIVE, parameters=given) for at in range(ended + 1, trials + 1)]
    spec = dataclasses.replace(SPEC, parameters=tuple(ParameterSpec(key, DoubleRange(0, 1)) for key in keys))
    return dataclasses.replace(make_job(made, state=JobState.RUNNING), study_spec=spec, max_trial_count=50)


def lines(job: HyperparameterTuningJob, width: int, height: int, notice: str = "") -> list[str]:
    """Return the lines that a terminal of this size displays."""
    screen = io.StringIO()
    console = Console(file=screen, width=width, height=height, force_terminal=True, color_system=None)
    console.print(render(job, NOW, notice=notice))
    return screen.getvalue().splitlines()


def ids(shown: list[str]) -> Iterator[str]:
    """Yield the ids of the rows."""
    for line in shown:
        first = line.strip("│┃ ").split()[:1]
        if first and first[0].isdecimal() and ("succeeded" in line or "active" in line):
            yield first[0]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 30), (200, 50), (60, 12)])
@pytest.mark.parametrize("trials", [1, 3, 40, 1000])
@pytest.mark.parametrize("parameters", [1, 3, 8, 20])
def test_the_table_fits_and_has_the_best_and_the_running_trials(
    width: int, height: int, trials: int, parameters: int
) -> None:
    job = study(trials, parameters, running=min(trials, 4) - 1)
    shown = lines(job, width, height)
    assert max(map(cell_len, shown)) <= width
    assert len(shown) < height
    rows = list(ids(shown))
    wanted = {trial.id for trial in job.trials if trial.state is TrialState.ACTIVE} | ({"3"} if trials > 5 else set())
    assert wanted <= set(rows)
    assert len(rows) == trials or f"{trials - len(rows)} of {trials} trials" in shown[0]


def test_eight_parameters_in_80_columns_are_whole_values_and_the_others_are_named() -> None:
    shown = lines(study(6, 8), 80, 24)
    (named,) = [line for line in shown if line.startswith("not shown: ")]
    heading = next(line for line in shown if line.startswith("trial"))
    assert (
        len(heading.split()) + len(named.removeprefix("not shown: ").split(", ")) == 8 + 4
    )  # trial, state, metric, time
    assert "0.0009665" in "".join(shown)
    assert "val/loss" in heading


@pytest.mark.parametrize("value", ["x" * 500, "漢" * 90, "a b " * 60, "[red]x[/red]\x1b[31m"])
def test_a_long_value_is_cut_with_an_ellipsis_and_never_wraps(value: str) -> None:
    shown = lines(study(5, 8, value=value), 80, 24)
    assert max(map(cell_len, shown)) <= 80
    assert len(list(ids(shown))) == 5
    assert len(shown) <= 10
    assert "\x1b" not in "".join(shown)


def test_a_notice_takes_the_place_of_rows() -> None:
    notice = "/data: the disk is full; " + "the trials wait " * 12
    shown = lines(study(40, 8), 80, 24, notice)
    assert "the disk is full" in "".join(shown)
    assert len(shown) < 24
    assert {"3", "39", "40"} <= set(ids(shown))


def test_a_wide_terminal_has_every_column() -> None:
    shown = lines(study(6, 8), 220, 50)
    assert "best so far" in "".join(shown)
    assert "not shown" not in "".join(shown)


COLUMNS = st.lists(
    st.builds(
        Column,
        st.text(max_size=12),
        st.tuples(st.text(max_size=30), st.text(max_size=30)),
        is_spare=st.booleans(),
        is_parameter=st.booleans(),
    ),
    min_size=1,
    max_size=12,
)


@given(COLUMNS, st.integers(1, 300))
def test_every_parameter_is_in_the_layout_or_named(columns: list[Column], width: int) -> None:
    layout = fit(columns, width)
    parameters = [column.heading for column in columns if column.is_parameter and not column.is_spare]
    kept = [column.heading for column in layout.columns if column.is_parameter and not column.is_spare]
    assert kept + list(layout.left_out) == parameters
    total = sum(column.width for column in layout.columns)
    assert total + 2 * (len(layout.columns) - 1) <= width or not kept
