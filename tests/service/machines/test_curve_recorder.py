"""A curve of a limited number of points."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hydra_vertex.job.machine_use import MachineCurve
from hydra_vertex.service.machines.curve_recorder import MAX_POINTS, TOO_SHORT, CurveRecorder, Point, merged
from hydra_vertex.service.machines.reading import GpuReading, WorkerReading

START = datetime(2026, 1, 31, tzinfo=timezone.utc)

amounts = st.floats(0, 1e6)
weights = st.floats(0.1, 1e4)


@st.composite
def points(draw: st.DrawFn) -> list[Point]:
    found, time_s = [], 0.0
    for weight_s, value in draw(st.lists(st.tuples(weights, amounts), min_size=1, max_size=40)):
        time_s += weight_s
        found.append(Point(time_s, weight_s, value, value, None, value / 2))
    return found


def total(given_points: list[Point]) -> float:
    return sum(point.weight_s * (point.cpu or 0.0) for point in given_points)


@given(points())
def test_merging_keeps_the_mean_over_the_whole_time_and_halves_the_points(given_points: list[Point]) -> None:
    fewer = merged(given_points)
    assert len(fewer) == -(-len(given_points) // 2)
    assert total(fewer) == pytest.approx(total(given_points))
    assert sum(point.weight_s for point in fewer) == pytest.approx(given_points[-1].time_s)
    assert fewer[-1].time_s == given_points[-1].time_s
    assert all(point.gpu is None for point in fewer)


@given(
    st.lists(st.tuples(st.floats(0.2, 300), st.floats(0, 8)), min_size=1, max_size=400), st.sampled_from([4, 10, 20])
)
def test_a_recorded_curve_keeps_its_limit_of_points_and_the_seconds_of_cpu(
    steps: list[tuple[float, float]], max_points: int
) -> None:
    recorder = CurveRecorder("workerpool0-0", START, max_points)
    recorder.add(0.0, WorkerReading(cpu_s=5.0, origin="a", memory_bytes=0))
    time_s, cpu_s = 0.0, 5.0
    for pause_s, cores in steps:
        time_s, cpu_s = time_s + pause_s, cpu_s + pause_s * cores
        recorder.add(time_s, WorkerReading(cpu_s=cpu_s, origin="a", memory_bytes=7))
        assert len(recorder.curve().time_s) <= max_points
    recorder.finish()
    curve = recorder.curve()
    if time_s < 0.001:
        return
    begins = (0.0, *curve.time_s)
    used_s = sum((end - begin) * (cpu or 0.0) for begin, end, cpu in zip(begins, curve.time_s, curve.cpu, strict=False))
    assert used_s == pytest.approx(cpu_s - 5.0, rel=0.01, abs=0.002 * time_s)
    assert curve.memory_peak_bytes == 7


def recorded(readings: list[WorkerReading]) -> MachineCurve:
    recorder = CurveRecorder("workerpool0-0", START)
    for time_s, reading in enumerate(readings):
        recorder.add(float(time_s), reading)
    return recorder.curve()


def test_a_point_is_the_mean_of_an_interval() -> None:
    gpu = GpuReading(2, 0.5, 10, 100)
    curve = recorded([WorkerReading(cpu_s=s, origin="a", memory_bytes=100, cpus=4.0, gpu=gpu) for s in (0.0, 2.0, 3.0)])
    assert (curve.time_s, curve.cpu, curve.gpu, curve.gpu_memory_bytes) == ((1, 2), (2.0, 1.0), (0.5, 0.5), (10, 10))
    assert (curve.cpus, curve.gpus, curve.gpu_memory_limit_bytes, curve.missing) == (4.0, 2, 100, "")


def test_seconds_of_cpu_of_another_process_are_not_a_use_of_cpu() -> None:
    curve = recorded(
        [WorkerReading(cpu_s=s, origin=o) for s, o in ((1.0, "a"), (2.0, "a"), (500.0, "b"), (501.0, "b"), (3.0, "b"))]
    )
    assert curve.cpu == (1.0, 1.0)


def test_an_engine_that_knows_the_present_use_only_gives_that() -> None:
    assert recorded([WorkerReading(cpu=1.5), WorkerReading(cpu=2.5), WorkerReading(cpu=3.0)]).cpu == (2.0, 3.0)


def test_a_long_trial_has_longer_intervals_and_rare_readings_do_not_hide_a_peak() -> None:
    recorder = CurveRecorder("workerpool0-0", START)
    for time_s in range(1000):
        recorder.add(float(time_s), WorkerReading(cpu=1.0, memory_bytes=10_000 if time_s == 500 else 10))
    curve = recorder.curve()
    assert len(curve.time_s) <= MAX_POINTS
    assert recorder.interval_s == 16.0
    assert recorder.pause_s == 5.0
    assert curve.memory_peak_bytes == 10_000


def measured(cpu_s: float, origin: str = "a") -> WorkerReading:
    return WorkerReading(cpu_s=cpu_s, origin=origin, memory_bytes=7, gpu=GpuReading(1, 0.5, 9, 100))


@pytest.mark.parametrize("origin", ["a", "b"])
def test_memory_and_gpu_of_the_time_without_a_service_are_unknown(origin: str) -> None:
    first = CurveRecorder("workerpool0-0", START)
    for second in range(6):
        first.add(float(second), measured(float(second)))
    recorder = CurveRecorder("workerpool0-0", START)
    recorder.resume(first.curve(), first.interval_s, first.origin, first.cpu_s)
    for time_s in (3600.0, 3601.0, 3602.0):
        recorder.add(time_s, measured(time_s, origin))
    curve = recorder.curve()
    assert curve.time_s[5] == (3600.0 if origin == "a" else 3601.0)
    assert curve.cpu[5] == pytest.approx(1.0)
    assert (curve.memory_bytes[5], curve.gpu[5], curve.gpu_memory_bytes[5]) == (None, None, None)
    assert (curve.memory_bytes[-1], curve.gpu[-1], curve.gpu_memory_bytes[-1]) == (7, 0.5, 9)
    assert curve.gpu[:5] == (0.5,) * 5
    assert curve.memory_peak_bytes == 7


@pytest.mark.parametrize("distance_s", [10.0, 30.0, 64.0])
def test_a_trial_that_is_read_rarely_has_memory_and_gpu(distance_s: float) -> None:
    """One job of Slurm is asked a second, so each of 64 is asked once a minute."""
    recorder = CurveRecorder("workerpool0-0", START)
    for number in range(9):
        recorder.add(number * distance_s, measured(number * distance_s))
    curve = recorder.curve()
    assert len(curve.gpu) == 8
    assert set(curve.gpu[1:]) == {0.5}
    assert set(curve.memory_bytes[1:]) == {7}


def test_a_trial_that_ended_before_a_second_reading_says_so() -> None:
    recorder = CurveRecorder("workerpool0-0", START)
    recorder.add(0.0, WorkerReading(cpu_s=0.0, origin="a"))
    assert recorder.finish()
    assert recorder.curve().missing == TOO_SHORT


def test_the_end_of_a_trial_is_a_point() -> None:
    recorder = CurveRecorder("workerpool0-0", START)
    recorder.add(0.0, WorkerReading(cpu_s=0.0, origin="a"))
    recorder.add(0.5, WorkerReading(cpu_s=0.5, origin="a"))
    assert recorder.finish()
    assert recorder.curve().cpu == (1.0,)
    assert not recorder.finish()
