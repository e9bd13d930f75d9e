"""A real study with a rule, against the replay of the record of the same trials without a rule."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hydra_vertex.job import DecayCurveStopping, HyperparameterTuningJob, MedianStopping, parse_job
from hydra_vertex.service.replay import Setting, recorded_study
from hydra_vertex.service.replay.replay import replay
from service.harness import Client, Document, job_document

CURVE_APP = Path(__file__).with_name("curve_app.py")
GOOD = [[5 + extra, 2 + extra, 1 + extra] for extra in (0.1, 0.3, 0.0, 0.4, 0.2)]
BAD = [[9.0, 8.9, 8.8], [4.0, 8.0, 8.0], [4.5, 9.0, 8.5]]
CURVES = [*GOOD, *BAD]
MEDIAN: Document = {"medianAutomatedStoppingSpec": {}}
DECAY: Document = {"decayCurveStoppingSpec": {}}
LIMIT_S = 120.0


def study(folder: Path, spec: Mapping[str, Any], parallel: int) -> Document:
    folder.mkdir()
    document = job_document(folder, "", trials=len(CURVES), parallel=parallel)
    document["studySpec"] |= spec
    container = document["trialJobSpec"]["workerPoolSpecs"][0]["containerSpec"]
    container["command"] = [sys.executable, "-I", "-S", str(CURVE_APP)]
    container["args"] = [str(folder), json.dumps(CURVES)]
    return document


def run_all(client: Client, documents: Mapping[Path, Document]) -> dict[str, HyperparameterTuningJob]:
    """Run the studies side by side; each measurement is released when the service has recorded it."""
    names = {folder: client.create(document) for folder, document in documents.items()}
    give_up = time.monotonic() + LIMIT_S
    ended: dict[str, HyperparameterTuningJob] = {}
    while len(ended) < len(names):
        assert time.monotonic() < give_up, f"the studies have not ended within {LIMIT_S} s"
        for folder, name in names.items():
            job = client.get(name)
            for trial in job.get("trials", ()):
                for measurement in trial.get("measurements", ()):
                    (folder / f"{trial['id']}-{measurement['stepCount']}").touch()
            if job["state"] == "JOB_STATE_SUCCEEDED":
                ended[folder.name] = parse_job(job)
        time.sleep(0.05)
    return ended


def stopped_at(job: HyperparameterTuningJob) -> dict[str, int]:
    """Return the last step of each trial that the service stopped."""
    return {
        trial.id: trial.final_measurement.step_count
        for trial in job.trials
        if trial.stopped_early and trial.final_measurement is not None
    }


@pytest.fixture(scope="module")
def jobs(client: Client, tmp_path_factory: pytest.TempPathFactory) -> dict[str, HyperparameterTuningJob]:
    folder = tmp_path_factory.mktemp("studies")
    return run_all(
        client,
        {
            folder / "record": study(folder / "record", {}, len(CURVES)),
            folder / "median": study(folder / "median", MEDIAN, 1),
            folder / "decay": study(folder / "decay", DECAY, 1),
            folder / "parallel": study(folder / "parallel", MEDIAN, 2),
        },
    )


@pytest.mark.parametrize(("name", "rule"), [("median", MedianStopping()), ("decay", DecayCurveStopping())])
def test_one_at_a_time_the_service_stops_the_trials_of_the_replay_at_the_same_steps(
    jobs: dict[str, HyperparameterTuningJob], name: str, rule: MedianStopping | DecayCurveStopping
) -> None:
    found = replay(recorded_study(jobs["record"]), Setting(name, rule, 1, len(CURVES)))
    forecast = {trial.id: trial.step for trial in found.trials if trial.is_stopped}

    assert stopped_at(jobs[name]) == forecast
    assert len(forecast) >= 2
    real = {trial.id: trial.objective("loss") for trial in jobs[name].trials}
    assert real == {trial.id: trial.value for trial in found.trials}


def test_two_at_a_time_the_steps_differ_by_one_at_most(jobs: dict[str, HyperparameterTuningJob]) -> None:
    """Whether a curve has ended before another one's measurement is a matter of tenths of a second here."""
    found = replay(recorded_study(jobs["record"]), Setting("median", MedianStopping(), 2, len(CURVES)))
    forecast = {trial.id: trial.step or len(CURVES[0]) for trial in found.trials}
    real = {trial.id: stopped_at(jobs["parallel"]).get(trial.id, len(CURVES[0])) for trial in jobs["parallel"].trials}

    assert forecast.keys() == real.keys()
    assert all(abs(forecast[trial] - step) <= 1 for trial, step in real.items())
    assert {"7", "8"} <= {trial.id for trial in found.trials if trial.is_stopped}
    assert {"7", "8"} <= stopped_at(jobs["parallel"]).keys()


def test_the_record_of_a_real_study_replays_to_its_own_time(jobs: dict[str, HyperparameterTuningJob]) -> None:
    """Two at a time; between trials the service needs a moment, which the replay does not have."""
    record = recorded_study(jobs["parallel"])
    again = replay(record, Setting("recorded", record.rule, 2, len(CURVES)))

    assert again.worker_s == pytest.approx(record.worker_s, rel=0.4)
    assert again.wall_s <= record.wall_s
