from __future__ import annotations

import base64
import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.job import (
    Categorical,
    Discrete,
    Domain,
    DoubleRange,
    HyperparameterTuningJob,
    IntegerRange,
    Measurement,
    ParameterSpec,
    ScaleType,
    TrialState,
)
from hydra_vertex.launcher.best.selection import rank
from hydra_vertex.launcher.confirm.result import confirmation_of
from hydra_vertex.launcher.report.figures import build_figures, confirmation_figure
from hydra_vertex.launcher.report.figures.axis import PlotAxis, parameter_axis
from hydra_vertex.launcher.report.figures.slices import powers_of_ten
from hydra_vertex.launcher.report.palette import LIGHT
from launcher.confirm.repeats import make_repeats, make_study
from launcher.jobs import METRIC, START, make_job, make_trial


def plots(job: HyperparameterTuningJob) -> Mapping[str, Any]:
    return {figure.id: figure.plot for figure in build_figures(job, next(iter(rank(job)), None))}


def with_parameters(job: HyperparameterTuningJob, *parameters: ParameterSpec) -> HyperparameterTuningJob:
    return dataclasses.replace(job, study_spec=dataclasses.replace(job.study_spec, parameters=parameters))


def test_the_thick_line_is_the_selected_one_of_trials_with_the_same_objective() -> None:
    widths = (512.0, 64.0, 256.0, 64.0)
    trials = [make_trial(n, 1.0, parameters={"width": width}) for n, width in enumerate(widths, start=1)]
    job = with_parameters(make_job(trials), ParameterSpec("width", Discrete((64.0, 256.0, 512.0))))
    *_, thick = plots(job)["parallel"]["data"]

    assert thick["line"]["color"] == LIGHT["accent"]
    assert thick["text"] == ["<b>trial 1</b><br>val/loss = 1", "<b>trial 1</b><br>width = 512", ""]


def test_the_star_of_each_panel_is_the_best_trial() -> None:
    trials = [make_trial(n, 5.0 - n, parameters={"lr": 0.1 * n, "act": "ab"[n % 2]}) for n in (1, 2, 3)]
    job = with_parameters(
        make_job(trials), ParameterSpec("lr", DoubleRange(0, 1)), ParameterSpec("act", Categorical(("a", "b")))
    )

    for panel in plots(job)["slices"]["data"]:
        place = panel["marker"]["symbol"].index("star")
        assert panel["text"][place] == "3"
        assert panel["y"][place] == 2.0


@pytest.mark.skipif(not hasattr(optuna.distributions, "FloatDistribution"), reason="Optuna 2 itself labels choices so")
def test_a_choice_is_labelled_with_the_text_that_the_user_wrote() -> None:
    trials = [make_trial(n, float(n), parameters={"act": value}) for n, value in enumerate(("gelu", "it's"), start=1)]
    job = with_parameters(make_job(trials), ParameterSpec("act", Categorical(("gelu", "it's", ""))))

    assert plots(job)["slices"]["layout"]["xaxis"]["ticktext"] == ["gelu", "it's", "(empty)"]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (2e-4, 3e-2, [1e-3, 1e-2]),
        (1e-5, 1e-1, [1e-5, 1e-3, 1e-1]),
        (1e-12, 1.0, [1e-12, 1e-7, 1e-2]),
        (0.001, 0.002, [0.001]),
        (0.002, 0.005, [0.002, 0.005]),
    ],
)
def test_a_narrow_log_axis_has_a_few_powers_of_ten(low: float, high: float, ticks: list[float]) -> None:
    assert powers_of_ten(low, high) == ticks


def test_the_panel_of_a_log_scale_has_powers_of_ten() -> None:
    trials = [make_trial(number, 0.5, parameters={"lr": rate}) for number, rate in [(1, 1e-3), (2, 0.2)]]
    job = with_parameters(make_job(trials), ParameterSpec("lr", DoubleRange(1e-4, 1.0), ScaleType.LOG))

    assert plots(job)["slices"]["layout"]["xaxis"]["ticktext"] == ["0.001", "0.01", "0.1"]


def test_the_curve_of_the_best_of_a_thousand_trials_is_drawn() -> None:
    curve = tuple(Measurement({METRIC: 9.0 / step}, step) for step in (1, 2, 3))
    job = make_job([make_trial(n, float(n), measurements=curve) for n in range(1, 1001)])
    names = [trace["name"] for trace in plots(job)["curves"]["data"]]

    assert len(names) == 60
    assert names[-1] == "trial 1"


def test_a_long_learning_curve_is_thinned_and_keeps_its_last_point() -> None:
    curve = tuple(Measurement({METRIC: 1.0 + 1 / step}, step) for step in range(1, 5001))
    (trace,) = plots(make_job([make_trial(1, 1.0, measurements=curve)]))["curves"]["data"]

    assert len(trace["x"]) <= 400
    assert trace["x"][-1] == 5000


def test_the_line_of_the_best_so_far_never_gets_worse() -> None:
    job = make_job([make_trial(n, value) for n, value in enumerate((3.0, 4.0, 2.0, 2.5), start=1)])
    line = plots(job)["history"]["data"][0]

    assert line["x"] == [1, 2, 3, 4]
    assert numbers(line["y"]) == [3.0, 3.0, 2.0, 2.0]


def numbers(values: Any) -> list[float]:
    """Decode numbers: Plotly encodes a numpy array, which Optuna 2 passes to it, in base64."""
    return values if isinstance(values, list) else list(numpy.frombuffer(base64.b64decode(values["bdata"])))


@pytest.mark.parametrize(("length_s", "unit"), [(20, "seconds"), (300, "minutes"), (9000, "hours"), (400000, "days")])
def test_the_unit_of_the_timeline_depends_on_its_length(length_s: int, unit: str) -> None:
    from datetime import timedelta

    times = {"start_time": START, "end_time": START + timedelta(seconds=length_s)}
    layout = plots(make_job([make_trial(1, 1.0, **times)]))["timeline"]["layout"]

    assert layout["xaxis"]["title"]["text"] == f"{unit} since the first trial began"


def test_an_infeasible_trial_is_distinguished_by_a_pattern_and_not_only_by_colour() -> None:
    job = make_job([make_trial(1, 1.0), make_trial(2, None, TrialState.INFEASIBLE, "no")])
    shapes = {bars["name"]: bars["marker"].get("pattern", {}).get("shape") for bars in plots(job)["timeline"]["data"]}

    assert shapes["succeeded"] != shapes["infeasible"]


def test_every_colour_of_a_figure_has_a_dark_colour() -> None:
    import re

    from hydra_vertex.launcher.report.palette import dark_colours

    job = make_job([make_trial(n, float(n)) for n in range(1, 25)] + [make_trial(25, None, TrialState.INFEASIBLE)])
    used = set(re.findall(r"'(#[0-9a-f]{6})'", repr({key: plot["data"] for key, plot in plots(job).items()})))

    assert used <= set(dark_colours())


DOMAINS: tuple[tuple[Domain, ScaleType | None], ...] = (
    (DoubleRange(1e-5, 1e-1), ScaleType.LOG),
    (DoubleRange(0.0, 1.0), ScaleType.LOG),
    (DoubleRange(-1.0, 1.0), ScaleType.LINEAR),
    (IntegerRange(1, 8), ScaleType.LOG),
    (Discrete((16.0, 32.0)), None),
)


@given(st.sampled_from(DOMAINS), st.lists(st.floats(-1e9, 1e9).map(lambda x: x + 0.0), min_size=1, max_size=6))
def test_every_value_of_the_trials_has_a_position_on_its_axis(
    kind: tuple[Domain, ScaleType | None], seen: list[float]
) -> None:
    axis = parameter_axis("p", ParameterSpec("p", *kind), seen)

    assert all(-1e-9 <= axis.at(value) <= 1 + 1e-9 for value in seen)
    assert axis.ticks()
    assert all(math.isfinite(place) for place in axis.ticks())


def test_a_log_axis_has_ticks_at_its_ends_and_at_powers_of_ten() -> None:
    axis = PlotAxis("lr", 1e-5, 1e-1, is_log=True)

    assert list(axis.ticks().values()) == ["1e-05", "0.0001", "0.001", "0.01", "0.1"]
    assert list(axis.ticks()) == pytest.approx([0, 0.25, 0.5, 0.75, 1])


def test_the_line_of_a_trial_without_a_conditional_parameter_passes_below_the_axis() -> None:
    assert PlotAxis("momentum", 0.0, 1.0).at(None) < 0


def test_the_texts_beside_a_figure_are_not_escaped_for_plotly() -> None:
    job = make_job([make_trial(n, float(n), parameters={"a&b": float(n)}) for n in (1, 2)])
    figures = {figure.id: figure for figure in build_figures(job, job.trials[0])}

    assert "a&b" in figures["slices"].alt
    assert "a&amp;b" in str(figures["slices"].plot)


def test_the_repeats_are_drawn_with_their_means_and_escaped_names() -> None:
    study = make_study([0.1, 0.2])
    repeats = make_repeats(study, {"1": [0.5, 0.7], "2": [None, None]})
    name = "<b>%{x}</b>"
    metrics = (dataclasses.replace(study.study_spec.objective, id=name),)
    found = dataclasses.replace(confirmation_of(study, repeats), metric=metrics[0])

    figure = confirmation_figure(found)

    assert figure is not None
    plot: Any = figure.plot
    points, means, before = plot["data"]
    assert points["text"] == ["seed = 1000", "seed = 1001"]
    assert means["y"] == before["y"] == ["trial 1"]
    assert plot["layout"]["xaxis"]["title"]["text"] == "&lt;b&gt;&#37;{x}&lt;/b&gt;"
    assert figure.alt.startswith("trial 1: mean 0.6, 95% interval ")


def test_repeats_without_a_value_have_no_figure() -> None:
    study = make_study([0.1, 0.2])

    assert confirmation_figure(confirmation_of(study, make_repeats(study, {"1": [None, None]}))) is None
