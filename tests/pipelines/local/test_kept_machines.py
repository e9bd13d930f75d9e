"""The use of the machines in the folder of a run: kept at its end and at an interruption, and read by `report`."""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from pathlib import Path

import pytest

from hydra_vertex.cli.commands.machine_lines import machine_lines
from hydra_vertex.cli.main import main
from hydra_vertex.job import save_job
from hydra_vertex.job.machine_use import MachineCurve, dump_machine_use, read_machine_use
from hydra_vertex.pipelines.local.run import _keep_measurements
from hydra_vertex.pipelines.local.run_folder import RunFolder
from launcher.jobs import make_job, make_trial

START = datetime(2026, 1, 31, tzinfo=timezone.utc)
CURVE = MachineCurve("workerpool0-0", START, (1.0, 2.0, 3.0, 4.0), (1.0,) * 4, (8,) * 4, (0.1,) * 4, (1,) * 4, 4.0, 1)


def write_trial(folder: RunFolder, job: str, trial: str) -> None:
    place = folder.studies / "jobs" / job / "trials" / trial
    place.mkdir(parents=True)
    (place / "log.txt").write_text("")
    (place / "machines.json").write_text(json.dumps(dump_machine_use({trial: (CURVE,)})))


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    found = RunFolder(tmp_path)
    for job, trial in (("11", "1"), ("12", "1"), ("12", "2"), ("12", "10")):
        write_trial(found, job, trial)
    os.utime(found.studies / "jobs/11/trials", (1, 1))
    return found


def test_the_end_of_a_run_keeps_the_machines_of_its_study(folder: RunFolder) -> None:
    step = folder.pipeline_root / "a-run/tune"
    step.mkdir(parents=True)
    name = "projects/local/locations/local/hyperparameterTuningJobs/11"
    save_job(make_job([make_trial(1, 0.5)], name=name), step / "job")
    _keep_measurements(folder)
    assert folder.job.exists()
    assert read_machine_use(folder.machines.read_bytes()) == {"1": (CURVE,)}


def test_an_interruption_before_a_job_was_written_keeps_those_of_the_newest_study(folder: RunFolder) -> None:
    _keep_measurements(folder)
    assert list(read_machine_use(folder.machines.read_bytes())) == ["1", "2", "10"]


def test_a_study_without_measurements_writes_no_file(tmp_path: Path) -> None:
    _keep_measurements(RunFolder(tmp_path))
    assert not RunFolder(tmp_path).machines.exists()


def test_the_report_reads_the_file_and_the_run_has_one_line(folder: RunFolder, tmp_path: Path) -> None:
    save_job(make_job([make_trial(1, 0.5)]), folder.job)
    folder.machines.write_text(json.dumps(dump_machine_use({"1": (CURVE,)})))
    report = tmp_path / "r.html"
    assert main(["report", str(folder.path), "-o", str(report)]) == 0
    assert "GPU memory of every trial" in report.read_text()
    (line,) = machine_lines(folder.job)
    assert line.startswith("trial 1: the GPU is starved: busy 10 % in the median, with 1.0 cores busy. A core is busy")


@pytest.mark.parametrize(
    ("content", "message"),
    [('{"schema": 2}', "schema: expected 1, got 2"), ("{", "not JSON"), ("[]", "an object")],
)
def test_a_file_of_another_version_is_refused_by_name_and_does_not_fail_the_end_of_a_run(
    folder: RunFolder, capsys: pytest.CaptureFixture[str], content: str, message: str
) -> None:
    save_job(make_job([make_trial(1, 0.5)]), folder.job)
    folder.machines.write_text(content)
    assert main(["report", str(folder.path), "-o", str(folder.report)]) == 2
    assert machine_lines(folder.job) == ()
    error = capsys.readouterr().err
    assert f"{folder.machines}" in error
    assert message in error
    assert not folder.report.exists()
