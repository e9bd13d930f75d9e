"""The rungs of a ladder, as a pipeline parameter and in the job of a trial."""

from __future__ import annotations

import json

import pytest

from hydra_vertex.job import TrialJobSpec
from hydra_vertex.launcher.capacity.rungs import (
    Rung,
    dump_ladder,
    load_ladder,
    make_ladder,
    on_rung,
    on_rung_parameters,
)
from hydra_vertex.protocol.errors import DocumentError

SPEC = TrialJobSpec(worker_pools=(), base_output_uri="gs://b/trials", scheduling={"disableRetries": True})


def test_all_locations_come_with_the_first_strategy_then_with_the_next() -> None:
    assert make_ladder(("SPOT", "STANDARD"), ("a", "b"), 60.0) == (
        Rung("SPOT", "a", 60.0),
        Rung("SPOT", "b", 60.0),
        Rung("STANDARD", "a", 60.0),
        Rung("STANDARD", "b", None),
    )


def test_a_ladder_survives_a_pipeline_parameter() -> None:
    ladder = make_ladder(("SPOT", "FLEX_START"), ("a",), 90.5)

    assert load_ladder(dump_ladder(ladder)) == ladder
    assert dump_ladder(()) == ""
    assert load_ladder("") == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "capacity_ladder: not JSON"),
        ("{}", "capacity_ladder: expected an array"),
        ('[{"location": "a"}]', r"capacity_ladder\[0\].strategy: is empty"),
        ('[{"strategy": "SPOT"}]', r"capacity_ladder\[0\].location: is empty"),
        ('[{"strategy": "SPOT", "location": "a", "maxWait": 5}]', "maxWait: expected a duration"),
        ('[{"strategy": "SPOT", "location": "a"}, {"strategy": "STANDARD", "location": "a"}]', "needs a maxWait"),
    ],
)
def test_a_parameter_that_is_no_ladder_is_refused(text: str, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        load_ladder(text)


@pytest.mark.parametrize(
    ("rung", "number", "scheduling", "base"),
    [
        (Rung("SPOT", "a", 60.0), 1, {"strategy": "SPOT"}, "gs://b/trials"),
        (Rung("STANDARD", "a"), 2, {"strategy": "STANDARD"}, "gs://b/trials/rung-2"),
        (
            Rung("FLEX_START", "a", 60.0),
            2,
            {"strategy": "FLEX_START", "maxWaitDuration": "60s"},
            "gs://b/trials/rung-2",
        ),
        (Rung("FLEX_START", "a"), 3, {"strategy": "FLEX_START", "maxWaitDuration": "0s"}, "gs://b/trials/rung-3"),
    ],
)
def test_each_rung_has_its_strategy_and_its_output_folder(
    rung: Rung, number: int, scheduling: dict[str, str], base: str
) -> None:
    spec = on_rung(SPEC, rung, number)

    assert spec.scheduling == {"disableRetries": True, **scheduling}
    assert spec.base_output_uri == base


def test_the_parameters_of_a_step_get_the_location_and_the_spec() -> None:
    given = {"location": "l", "trial_job_spec": '{"workerPoolSpecs": []}', "labels": "{}"}
    found = on_rung_parameters(given, Rung("SPOT", "a"), 1)

    assert found["location"] == "a"
    assert json.loads(str(found["trial_job_spec"]))["scheduling"] == {"strategy": "SPOT"}
    assert found["labels"] == "{}"
