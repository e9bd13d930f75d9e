from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

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
    assert thick["meta"]["lines"] == [0]
    assert thick["y"] == [0.5, 1, None]


def test_the_star_of_each_panel_is_the_best_trial() -> None:
    trials = [make_trial(n, 5.0 - n, parameters={"lr": 0.1 * n, "act": "ab"[n % 2]}) for n in (1, 2, 3)]
    job = with_parameters(
        make_job(trials), ParameterSpec("lr", DoubleRange(0, 1)), ParameterSpec("act", Categorical(("a", "b")))
    )

    stars = [trace for trace in plots(job)["slices"]["data"] if trace["marker"]["symbol"] == "star"]

    assert [(star["y"], star["meta"]["hover"]) for star in stars] == [([2], [2]), ([2], [2])]


def test_a_choice_is_labelled_with_the_text_that_the_user_wrote() -> None:
    trials = [make_trial(n, float(n), parameters={"act": value}) for n, value in enumerate(("gelu", "it's"), start=1)]
    job = with_parameters(make_job(trials), ParameterSpec("act", Categorical(("gelu", "it's", ""))))

    untried = "<i>(empty)</i><br><i>never<br>tried</i>"
    assert plots(job)["slices"]["layout"]["xaxis"]["ticktext"] == ["gelu", "it's", untried]


def test_a_choice_that_no_trial_has_tried_is_named() -> None:
    trials = [make_trial(n, float(n), parameters={"act": "a"}) for n in (1, 2)]
    job = with_parameters(make_job(trials), ParameterSpec("act", Categorical(("a", "b & c"))))
    (slices,) = (figure for figure in build_figures(job, None) if figure.id == "slices")

    assert slices.aid.endswith("Never tried: act = b & c.")


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

    assert plots(job)["slices"]["layout"]["xaxis"]["ticktext"] == ["0.0001", "0.01", "1"]


def test_the_curves_of_a_thousand_trials_are_few_traces_with_the_best_on_top() -> None:
    curve = tuple(Measurement({METRIC: 9.0 / step}, step) for step in (1, 2, 3))
    job = make_job([make_trial(n, float(n), measurements=curve) for n in range(1, 1001)])
    traces = plots(job)["curves"]["data"]

    assert len(traces) == 10
    assert sorted(row for trace in traces for row in trace["meta"]["curves"]["trials"]) == list(range(1000))
    assert traces[-1]["meta"]["curves"]["trials"] == [0]


def test_the_curves_of_stopped_trials_are_told_apart() -> None:
    curve = tuple(Measurement({METRIC: 9.0 / step}, step) for step in (1, 2, 3))
    trials = [make_trial(1, 1.0, measurements=curve), make_trial(2, 2.0, measurements=curve, stopping_reason="worse")]
    stopped = next(trace for trace in plots(make_job(trials))["curves"]["data"] if trace["name"] == "stopped early")

    assert stopped["meta"]["curves"] == {"metric": "0", "trials": [1], "marksEnd": True}
    assert stopped["line"]["dash"] == "dot"


def test_the_line_of_the_best_so_far_never_gets_worse() -> None:
    job = make_job([make_trial(n, value) for n, value in enumerate((3.0, 4.0, 2.0, 2.5), start=1)])
    line = plots(job)["history"]["data"][0]

    assert (line["x"], line["y"], line["line"]["shape"]) == ([1, 3, 4], [3, 2, 2], "hv")


def test_the_best_so_far_has_an_axis_of_time_without_pauses_and_one_of_cost() -> None:
    def at(number: int, start_s: float, value: float) -> Any:
        start = START + timedelta(seconds=start_s)
        return make_trial(number, value, start_time=start, end_time=start + timedelta(seconds=3600))

    job = make_job([at(1, 0, 3.0), at(2, 0, 4.0), at(3, 86400, 2.0)])
    (history, *_) = build_figures(job, rank(job)[0])
    plot: Any = history.plot
    others = plot["data"][0]["meta"]["alternatives"]

    assert [switch.title for switch in history.switches] == [
        *("trial", "hours since the first trial began", "worker-hours of all trials")
    ]
    assert others["time"] == {"x": [1, 2, 2], "y": [3, 2, 2]}
    assert others["cost"]["x"] == [2, 3, 3]


def test_the_best_so_far_has_the_value_of_the_defaults() -> None:
    specs = (ParameterSpec("lr", DoubleRange(0, 1, default=0.5)), ParameterSpec("act", Categorical(("a", "b"), "b")))
    trials = [make_trial(n, 5.0 - n, parameters={"lr": 0.5 / n, "act": "b"}) for n in (1, 2, 3)]
    traces = plots(with_parameters(make_job(trials), *specs))["history"]["data"]

    assert [trace["y"] for trace in traces if trace["name"] == "your defaults"] == [[4, 4]]


def test_the_contour_is_smooth_over_numbers_and_constant_over_a_choice() -> None:
    trials = [
        make_trial(n, float(abs(n - 10) + (n % 2) * 5), parameters={"lr": n / 20, "act": "ab"[n % 2]})
        for n in range(1, 20)
    ]
    specs = (ParameterSpec("lr", DoubleRange(0, 1)), ParameterSpec("act", Categorical(("a", "b", "c"))))
    surface = plots(with_parameters(make_job(trials), *specs))["contour"]["data"][0]

    rows = surface["z"] if len(surface["z"]) == 6 else [list(column) for column in zip(*surface["z"], strict=True)]
    assert rows[0] == rows[1]
    assert rows[4] == rows[5] == [None] * 31
    assert sum(b - a for a, b in zip(rows[0], rows[2], strict=True) if None not in (a, b)) > 0


@pytest.mark.parametrize("count", [1, 7])
def test_few_trials_have_no_contour(count: int) -> None:
    assert "contour" not in plots(make_job([make_trial(n, float(n)) for n in range(1, count + 1)]))


@pytest.mark.parametrize(("length_s", "unit"), [(20, "seconds"), (300, "minutes"), (9000, "hours"), (400000, "days")])
def test_the_unit_of_the_timeline_depends_on_its_length(length_s: int, unit: str) -> None:
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

    job = make_job(
        [make_trial(n, float(n)) for n in range(1, 25)]
        + [make_trial(25, None, TrialState.INFEASIBLE), make_trial(26, 1.0, stopping_reason="worse")]
    )
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
