from __future__ import annotations

from hydra_vertex.cli.sweeper.results import log_lines, optimization_results, pareto_results
from hydra_vertex.protocol.json import JsonObject


def test_the_params_have_the_types_that_the_app_got() -> None:
    overrides = ["lr=0.5", "n=4", "flag=true", "none=null", "text='1.10'", "+added=a b", "group=small", "l=[1,{a:x}]"]

    results = optimization_results({"value": 0.25, "overrides": overrides})

    assert list(results) == ["name", "best_params", "best_value"]
    assert results["best_params"] == {
        "lr": 0.5,
        "n": 4,
        "flag": True,
        "none": None,
        "text": "1.10",
        "added": "a b",
        "group": "small",
        "l": [1, {"a": "x"}],
    }
    assert results["best_value"] == 0.25


def test_the_solutions_of_several_objectives_have_params_and_values_alone() -> None:
    member: JsonObject = {
        "trial": "2",
        "values": {"loss": 0.5, "size": 3.0},
        "overrides": ["lr=0.5", "text='1'"],
        "experiment": "",
    }

    results = pareto_results({"pareto": [member], "values": {}})

    assert results == {"name": "vertex", "solutions": [{"params": {"lr": 0.5, "text": "1"}, "values": [0.5, 3.0]}]}
    assert list(log_lines(results)) == [
        "Number of Pareto solutions: 1",
        "    Values: [0.5, 3.0], Params: {'lr': 0.5, 'text': '1'}",
    ]
