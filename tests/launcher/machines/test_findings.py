"""What is wrong with the machines of trials, in words."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timezone

import pytest

from hydra_vertex.job.machine_use import MachineCurve
from hydra_vertex.launcher.machines import StudyMachines, machine_findings
from hydra_vertex.launcher.machines.findings import Kind
from hydra_vertex.launcher.machines.notes import machine_notes

START = datetime(2026, 1, 31, tzinfo=timezone.utc)
GIB = 1 << 30


def curve(
    gpu: float | None,
    cpu: float | None,
    *,
    points: int = 10,
    memory: int = GIB,
    limit: int | None = 4 * GIB,
    missing: str = "",
    gpus: int = 1,
) -> MachineCurve:
    return MachineCurve(
        "workerpool0-0",
        START,
        tuple(float(n + 1) for n in range(points)),
        (cpu,) * points,
        (memory // 2,) * points,
        (gpu,) * points,
        (None,) * points,
        4.0,
        gpus,
        missing,
        memory_limit_bytes=limit,
        memory_peak_bytes=memory,
    )


@pytest.mark.parametrize(
    ("one", "kind"),
    [
        (curve(0.12, 4.0), Kind.ALL_CORES),
        (curve(0.12, 3.61), Kind.ALL_CORES),
        (curve(0.12, 1.0), Kind.ONE_CORE),
        (curve(0.29, 0.3), Kind.WAITING),
        (dataclasses.replace(curve(0.2, 1.0), cpus=None), Kind.SOME_CORES),
        (dataclasses.replace(curve(0.2, 0.3), cpus=None), Kind.WAITING),
        (curve(0.2, None), Kind.UNKNOWN),
        (curve(0.0, 2.0), Kind.IDLE),
        (curve(0.01, 2.0), Kind.IDLE),
        (curve(0.0, None), Kind.IDLE),
        (curve(0.8, 1.0, memory=int(3.7 * GIB)), Kind.MEMORY),
    ],
)
def test_each_rule_names_its_trial(one: MachineCurve, kind: Kind) -> None:
    (finding,) = machine_findings(StudyMachines({"7": (one,)}))
    assert finding.kind is kind
    assert finding.trials == ("7",)
    assert finding.text.startswith("trial 7: ")


def test_a_cpu_that_was_not_measured_has_no_number_of_busy_cores() -> None:
    (finding,) = machine_findings(StudyMachines({"7": (curve(0.2, None),)}))
    assert finding.text == (
        "trial 7: the GPU is starved: busy 20 % in the median. The CPU was not measured, so the reason is not known"
    )


@pytest.mark.parametrize(
    "one",
    [
        curve(0.3, 4.0),
        curve(0.9, 4.0),
        curve(None, 4.0),
        curve(0.0, 4.0, points=3),
        curve(0.0, 4.0, gpus=0),
        curve(0.9, 1.0, memory=3 * GIB),
        curve(0.9, 1.0, memory=4 * GIB, limit=None),
    ],
)
def test_a_busy_gpu_a_short_trial_and_a_trial_without_a_gpu_or_a_limit_have_no_finding(one: MachineCurve) -> None:
    assert machine_findings(StudyMachines({"7": (one,)})) == ()


def test_one_sentence_names_all_trials_of_a_kind_the_worst_first() -> None:
    use = {str(n): (curve((n + 1) / 100, 4.0),) for n in range(1, 13)}
    (finding,) = machine_findings(StudyMachines(use))
    assert finding.text.startswith(
        "trials 1, 2, 3, 4, 5, 6, 7, 8 and 4 more: the GPU is starved: busy 2 % in the median, with 4.0 cores busy, "
        "the worst of them. All its cores are busy"
    )


def test_a_trial_is_judged_by_its_worst_worker() -> None:
    machines = StudyMachines({"1": (curve(0.9, 1.0), curve(0.1, 1.0))})
    (finding,) = machine_findings(machines)
    assert finding.trials == ("1",)


def test_each_reason_for_a_missing_curve_is_written_once() -> None:
    one, other = curve(0.9, 1.0), curve(0.9, 1.0, missing="no NVML")
    assert machine_notes(StudyMachines({"1": (one,), "2": (other,), "3": (other, other)})) == (
        "Not measured in trials 2, 3: no NVML.",
    )
    assert machine_notes(StudyMachines({"2": (other,)})) == ("Not measured: no NVML.",)
    assert machine_notes(StudyMachines(missing="nothing there")) == ("Not measured: nothing there.",)
    assert machine_notes(StudyMachines()) == ()
