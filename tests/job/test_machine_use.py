"""The curves of the machines and their file."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.job.machine_use import (
    MachineCurve,
    MachineUse,
    dump_machine_use,
    parse_machine_use,
    read_machine_use,
    thinned,
)
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.protocol.json import Json, JsonObject

START = datetime(2026, 1, 31, 12, 0, 0, 250000, tzinfo=timezone.utc)
CURVE = MachineCurve(
    "workerpool0-0", START, (1.0, 2.5), (0.5, None), (100, 200), (0.25, 1.0), (None, 7), 4.0, 1, "no NVML", 1000, 210
)

amounts = st.floats(0, 1e15)
counts = st.integers(0, 1 << 50)
shares = st.floats(0, 1)


@st.composite
def curves(draw: st.DrawFn) -> MachineCurve:
    times = sorted(draw(st.sets(amounts, max_size=30)))
    size = len(times)

    def column(values: st.SearchStrategy[float]) -> tuple[float | None, ...]:
        return tuple(draw(st.lists(st.none() | values, min_size=size, max_size=size)))

    def whole(values: st.SearchStrategy[int]) -> tuple[int | None, ...]:
        return tuple(draw(st.lists(st.none() | values, min_size=size, max_size=size)))

    return MachineCurve(
        worker=draw(st.text(max_size=20)),
        start=draw(st.datetimes(datetime(1, 1, 2), timezones=st.just(timezone.utc))),
        time_s=tuple(times),
        cpu=column(amounts),
        memory_bytes=whole(counts),
        gpu=column(shares),
        gpu_memory_bytes=whole(counts),
        cpus=draw(st.none() | amounts),
        gpus=draw(st.integers(0, 16)),
        missing=draw(st.text(max_size=20)),
        memory_limit_bytes=draw(st.none() | counts),
        memory_peak_bytes=draw(st.none() | counts),
        gpu_memory_limit_bytes=draw(st.none() | counts),
        gpu_memory_peak_bytes=draw(st.none() | counts),
    )


@given(st.dictionaries(st.text(max_size=5), st.lists(curves(), max_size=2).map(tuple), max_size=3))
def test_what_is_written_is_read_back(use: MachineUse) -> None:
    assert read_machine_use(json.dumps(dump_machine_use(use))) == use


@given(curves(), st.integers(1, 40))
def test_a_thinned_curve_keeps_its_limit_of_points_its_end_and_the_range_of_its_values(
    curve: MachineCurve, points: int
) -> None:
    fewer = thinned(curve, points)
    assert len(fewer.time_s) <= points
    assert fewer.time_s[-1:] == curve.time_s[-1:]
    known, kept = ([value for value in each.cpu if value is not None] for each in (curve, fewer))
    assert bool(known) == bool(kept)
    if known:
        assert min(known) * (1 - 1e-9) <= min(kept)
        assert max(kept) <= max(known) * (1 + 1e-9)


def test_a_curve_needs_at_least_one_point() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        thinned(CURVE, 0)


def _with(**fields: Json) -> JsonObject:
    curve = dump_machine_use({"1": (CURVE,)})["trials"]
    assert isinstance(curve, dict)
    return {"schema": 1, "trials": {"1": [{**curve["1"][0], **fields}]}}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"schema": 2, "trials": {}}, r"machines.json.schema: expected 1, got 2: another version of hydra-vertex"),
        ({"trials": {}}, r"machines.json.schema: expected 1, got None"),
        ({"schema": True}, r"schema: expected 1, got True"),
        ([], r"machines.json: expected an object"),
        ({"schema": 1, "trials": []}, r"trials: expected an object"),
        ({"schema": 1, "trials": {"1": {}}}, r"trials.1: expected an array"),
        (_with(startTime=None), r"trials.1\[0\].startTime: is missing"),
        (_with(cpu=[1.0]), r"trials.1\[0\].cpu: expected 2 values, as many as in timeS, got 1"),
        (_with(gpu=[0.5, 1.5]), r"gpu\[1\]: expected at most 1"),
        (_with(memoryBytes=[-1, 2]), r"memoryBytes\[0\]: expected at least 0"),
        (_with(cpu=[-0.5, 2]), r"cpu\[0\]: expected 0 to 1e\+15, got -0.5"),
        (_with(cpu=[1e308, 1e308]), r"cpu\[0\]: expected 0 to 1e\+15, got 1e\+308"),
        (_with(worker="\ud800"), r"worker: expected Unicode text, got '\\ud800'"),
        (_with(missing="\ud800"), r"missing: expected Unicode text, got '\\ud800'"),
        (_with(timeS=[2, 2]), r"timeS: expected increasing times"),
        (_with(timeS=["x", 2]), r"timeS\[0\]: expected a finite number"),
        (_with(gpus=1.5), r"gpus: expected a whole number"),
    ],
)
def test_another_form_is_refused_by_the_name_of_its_field(document: Json, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        parse_machine_use(document, "machines.json")


def test_a_file_that_is_not_json_is_refused_by_its_name() -> None:
    with pytest.raises(DocumentError, match=r"runs/a/machines.json: not JSON"):
        read_machine_use("{", "runs/a/machines.json")


def test_a_curve_without_points_says_why() -> None:
    curve = dataclasses.replace(MachineCurve("workerpool0-0", START), missing="permission denied")
    assert parse_machine_use(dump_machine_use({"3": (curve,)})) == {"3": (curve,)}
