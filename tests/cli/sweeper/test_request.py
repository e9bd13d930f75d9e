from __future__ import annotations

from typing import Any

import pytest

from hydra_vertex.cli.sweeper.request import SweepRequest, parse_overrides, sweep_request
from hydra_vertex.protocol.errors import SearchSpaceError

DEFAULTS: dict[str, Any] = {
    "_target_": "hydra_plugins.hydra_vertex_sweeper.vertex_sweeper.VertexSweeper",
    "_recursive_": False,
    "sampler": {"seed": None},
    "direction": "minimize",
    "storage": None,
    "n_trials": 20,
    "n_jobs": 2,
    "max_failure_rate": 0.0,
    "params": {"lr": "interval(0, 1)", "depth": "choice(1, 2)", "width": 8},
}


def request(*overrides: str, **keys: Any) -> SweepRequest:
    return sweep_request({**DEFAULTS, **keys}, parse_overrides(overrides))


@pytest.mark.parametrize(
    ("overrides", "params"),
    [
        ((), {"lr": "interval(0, 1)", "depth": "choice(1, 2)", "width": 8}),
        (("lr=tag(log,interval(1e-3,1))",), {"depth": "choice(1, 2)", "width": 8, "lr": "tag(log,interval(1e-3,1))"}),
        (("lr=0.5",), {"depth": "choice(1, 2)", "width": 8}),
        (("++lr=0.5", "~width"), {"depth": "choice(1, 2)"}),
        (("+new=1,2",), {**DEFAULTS["params"], "+new": "1,2"}),
        (("width=range(1,9)", "text='a=b',c"), {"lr": "interval(0, 1)", "depth": "choice(1, 2)"}
            | {"width": "range(1,9)", "text": "'a=b',c"}),
    ],
)  # fmt: skip
def test_an_override_with_several_values_is_a_param_and_one_with_a_single_value_fixes_it(
    overrides: tuple[str, ...], params: dict[str, object]
) -> None:
    assert request(*overrides).sweeper["params"] == params


def test_a_sweep_on_the_command_line_needs_no_params() -> None:
    assert request("lr=interval(0,1)", params=None).sweeper["params"] == {"lr": "interval(0,1)"}


def test_the_older_search_space_becomes_params_which_overrides_replace() -> None:
    space = {"lr": {"type": "float", "low": 0, "high": 1}, "depth": {"type": "int", "low": 1, "high": 4}}

    params = request("depth=2", "+new=1,2", params=None, search_space=space).sweeper["params"]

    assert params == {"lr": "interval(0.0, 1.0)", "+new": "1,2"}


@pytest.mark.parametrize("overrides", [("lr=1", "depth=2", "width=3"), ()])
def test_a_sweep_without_a_key_to_search_is_refused(overrides: tuple[str, ...]) -> None:
    params = DEFAULTS["params"] if overrides else None
    with pytest.raises(SearchSpaceError, match=r"hydra\.sweeper\.params nor on the command line"):
        request(*overrides, params=params)


def test_the_search_file_has_the_keys_of_hydra_optuna_sweeper_alone() -> None:
    asked = request(early_stopping="median", monitor=["val/loss"], storage="sqlite:///a.db", retrain=[])

    assert asked.sweeper.keys() == {"sampler", "direction", "storage", "n_trials", "n_jobs", "params"}


@pytest.mark.parametrize(
    ("keys", "options"),
    [
        ({}, ("--no-retrain", "--max-failed-trials=1")),
        ({"max_failure_rate": 0.5}, ("--no-retrain", "--max-failed-trials=11")),
        ({"max_failure_rate": 1.0}, ("--no-retrain", "--max-failed-trials=0")),
        ({"max_failure_rate": 1.0, "retrain": []}, ("--max-failed-trials=0",)),
        ({"retrain": ["a=1", "b=2"]}, ("--max-failed-trials=1", "--retrain=a=1", "--retrain=b=2")),
        ({"early_stopping": "median", "no_check": True, "trial_nice": 0},
            ("--no-retrain", "--max-failed-trials=1", "--early-stopping=median", "--no-check", "--trial-nice=0")),
        ({"no_check": False}, ("--no-retrain", "--max-failed-trials=1")),
        ({"max_cost": 2.5, "hourly_price": "2 EUR"},
            ("--no-retrain", "--max-failed-trials=1", "--hourly-price=2 EUR", "--max-cost=2.5")),
    ],
)  # fmt: skip
def test_the_other_keys_are_options_of_run(keys: dict[str, object], options: tuple[str, ...]) -> None:
    assert request(**keys).options == options


@pytest.mark.parametrize("rate", [-0.1, 1.5, "half", True, None])
def test_a_failure_rate_that_is_no_share_is_refused(rate: object) -> None:
    with pytest.raises(SearchSpaceError, match="expected a number from 0 to 1"):
        request(max_failure_rate=rate)


def test_an_option_that_is_a_mapping_is_refused() -> None:
    with pytest.raises(SearchSpaceError, match=r"hydra\.sweeper\.monitor is a mapping"):
        request(monitor={"a": 1})


@pytest.mark.parametrize("change", [{"n_trials": 40}, {"n_jobs": 1}, {"max_failure_rate": 1.0}, {"max_cost": 1}])
def test_a_sweep_with_other_counts_and_limits_is_the_same(change: dict[str, object]) -> None:
    assert request(**change).study == request().study


@pytest.mark.parametrize("change", [{"direction": "maximize"}, {"seed": 1}, {"early_stopping": "median"}])
def test_a_sweep_with_another_study_is_another(change: dict[str, object]) -> None:
    assert request(**change).study != request().study


@pytest.mark.parametrize("direction", [["minimize", "maximize"], ["minimize"]])
def test_a_list_of_directions_is_that_of_the_search_file(direction: list[str]) -> None:
    assert request(direction=direction).sweeper["direction"] == direction
