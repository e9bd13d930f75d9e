"""Sampling of one trial: its pace, its file, and errors that must not reach the trial."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from hydra_vertex.job.machine_use import MachineCurve
from hydra_vertex.protocol.errors import ServiceError
from hydra_vertex.service.machines.curve_recorder import TOO_SHORT
from hydra_vertex.service.machines.reading import NotMeasuredError, WorkerReading
from hydra_vertex.service.machines.sampler import HANGS, NOT_READ, THREADS, Sampler
from hydra_vertex.service.machines.study_curves import read_study

Measure = Callable[[], Sequence[WorkerReading]]


def curves(folder: Path) -> tuple[MachineCurve, ...]:
    return read_study(folder).get("1", ())


def sampled(folder: Path, measure: Measure, seconds: float) -> tuple[MachineCurve, ...]:
    """Tick as the look of a trial does, for some time, then finish."""
    (folder / "1").mkdir(exist_ok=True)
    sampler = Sampler(folder / "1/machines.json", "1", measure)
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        sampler.tick()
        time.sleep(0.05)
    sampler.finish()
    return curves(folder)


def growing() -> Measure:
    start = time.monotonic()
    return lambda: [WorkerReading(cpu_s=2 * (time.monotonic() - start), origin="a", memory_bytes=5)]


def test_a_trial_has_a_curve_and_a_later_service_continues_it(tmp_path: Path) -> None:
    measure = growing()
    (first,) = sampled(tmp_path, measure, 1.3)
    assert first.cpu == pytest.approx([2.0] * len(first.cpu), abs=0.2)
    (second,) = sampled(tmp_path, measure, 1.3)
    assert second.start == first.start
    assert second.time_s[: len(first.time_s)] == first.time_s
    assert len(second.time_s) > len(first.time_s)
    assert second.cpu == pytest.approx([2.0] * len(second.cpu), abs=0.2)


def test_an_error_becomes_a_reason_and_is_not_raised(tmp_path: Path) -> None:
    def fails() -> Sequence[WorkerReading]:
        raise ZeroDivisionError("a fault of ours")

    (curve,) = sampled(tmp_path, fails, 0.2)
    assert curve.missing == "ZeroDivisionError: a fault of ours"
    assert curve.time_s == ()


def test_an_engine_that_does_not_answer_for_a_moment_leaves_a_gap_and_no_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hydra_vertex.service.machines.trial_curves.RETRY_S", 0.0)
    grow, failures = growing(), [1, 2]

    def measure() -> Sequence[WorkerReading]:
        if failures:
            raise ServiceError(f"no answer {failures.pop()}")
        return grow()

    (curve,) = sampled(tmp_path, measure, 0.5)
    assert curve.missing == TOO_SHORT

    def silent() -> Sequence[WorkerReading]:
        raise ServiceError("no answer")

    (tmp_path / "1/machines.json").unlink()
    (curve,) = sampled(tmp_path, silent, 0.5)
    assert curve.missing == "no answer"


def test_an_engine_without_figures_says_so(tmp_path: Path) -> None:
    def refuses() -> Sequence[WorkerReading]:
        raise NotMeasuredError("the engine does not say")

    (curve,) = sampled(tmp_path, refuses, 0.2)
    assert curve.missing == "the engine does not say"


def test_a_short_trial_says_that_it_was_short(tmp_path: Path) -> None:
    (curve,) = sampled(tmp_path, growing(), 0.1)
    assert curve.missing == TOO_SHORT


@pytest.fixture
def hanging() -> Iterator[Measure]:
    """A reading that does not end before the test."""
    ended, threads = threading.Event(), set()

    def hangs() -> Sequence[WorkerReading]:
        threads.add(threading.current_thread())
        ended.wait(60)
        return [WorkerReading(cpu=1.0)]

    yield hangs
    ended.set()
    for thread in threads:
        thread.join(60)


def test_a_reading_that_hangs_neither_delays_a_look_nor_the_end_and_is_named(tmp_path: Path, hanging: Measure) -> None:
    (tmp_path / "1").mkdir()
    sampler = Sampler(tmp_path / "1/machines.json", "1", hanging)
    began = time.monotonic()
    for _ in range(100):
        sampler.tick()
    assert time.monotonic() - began < 0.5
    sampler.finish()
    assert time.monotonic() - began < 5
    (curve,) = curves(tmp_path)
    assert curve.missing == HANGS


def test_a_reading_that_ends_after_the_trial_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    finished, late = threading.Event(), []

    def measure() -> Sequence[WorkerReading]:
        late.append(threading.current_thread())
        finished.wait(60)
        return [WorkerReading(cpu=1.0, memory_bytes=7)]

    sampler = Sampler(tmp_path / "1/machines.json", "1", measure)
    sampler.tick()
    sampler.finish()
    (before,) = curves(tmp_path)
    finished.set()
    late[0].join(60)
    assert curves(tmp_path) == (before,)
    assert before.memory_peak_bytes is None


def test_a_trial_that_is_not_read_because_other_readings_hang_says_so(tmp_path: Path, hanging: Measure) -> None:
    folders = [tmp_path / str(number) for number in range(THREADS + 1)]
    for folder in folders:
        (folder / "1").mkdir(parents=True)
    *others, last = [Sampler(folder / "1/machines.json", "1", hanging) for folder in folders]
    for sampler in others:
        sampler.tick()
    began = time.monotonic()
    last.tick()
    last.finish()
    assert time.monotonic() - began < 5
    (curve,) = curves(folders[-1])
    assert curve.missing == NOT_READ


def test_a_start_after_one_whose_reading_hangs_is_measured(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    ended, grow = threading.Event(), growing()
    first = [True]

    def measure() -> Sequence[WorkerReading]:
        if first and first.pop():
            ended.wait(60)
        return grow()

    sampler = Sampler(tmp_path / "1/machines.json", "1", measure)
    while first:
        sampler.tick()
        time.sleep(0.01)
    sampler.restart()
    sampler.tick()
    sampler.finish()
    ended.set()
    (curve,) = curves(tmp_path)
    assert curve.missing == TOO_SHORT
    assert curve.memory_peak_bytes == 5


def test_readings_that_hang_do_not_delay_the_exit_of_the_service(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    program = """
import pathlib, sys, time
from hydra_vertex.service.machines.sampler import HANGS, NOT_READ, THREADS, Sampler

sampler = Sampler(pathlib.Path(sys.argv[1]), "1", lambda: time.sleep(60))
sampler.tick()
sampler.finish()
print(time.monotonic())
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "1/machines.json")],
        capture_output=True,
        check=True,
        text=True,
        timeout=50,
    )
    assert time.monotonic() - float(done.stdout) < 5
    assert curves(tmp_path)[0].missing == HANGS


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    sampler = Sampler(tmp_path / "absent/machines.json", "1", growing())
    sampler.tick()
    sampler.finish()
    assert not (tmp_path / "absent").exists()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"schema": 2}',
        '{"schema": 1, "trials": {"1": [{}]}}',
        "\0",
        pytest.param("[" * 100_000, id="deep"),
    ],
)
def test_a_file_that_a_trial_has_changed_is_begun_again_and_named_until_then(tmp_path: Path, content: str) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1/machines.json").write_text(content)
    (curve,) = curves(tmp_path)
    assert "cannot be read" in curve.missing
    (curve,) = sampled(tmp_path, growing(), 0.1)
    assert curve.missing == TOO_SHORT


def test_a_restart_of_the_trial_begins_a_new_curve(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    sampler = Sampler(tmp_path / "1/machines.json", "1", growing())
    sampler.tick()
    sampler.finish()
    first = curves(tmp_path)[0].start
    sampler.restart()
    time.sleep(0.01)
    sampler.tick()
    sampler.finish()
    assert curves(tmp_path)[0].start > first
