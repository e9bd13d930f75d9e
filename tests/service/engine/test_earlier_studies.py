"""Earlier studies of a job in the service: taken from its folder, refused by name, kept by a restart."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from hydra_vertex.job import Measurement, Trial, TrialJobSpec, TrialState, parse_job
from hydra_vertex.job.document import HyperparameterTuningJob
from hydra_vertex.job.earlier_studies import EARLIER_STUDIES_LABEL, earlier_studies_file, earlier_studies_text
from service.harness import PARENT, Document, job_document, release, serving, started, wait_until

BEST = 1.875
JOBS = f"{PARENT}/hyperparameterTuningJobs"


def earlier_study(app: Path) -> HyperparameterTuningJob:
    job = parse_job(job_document(app, "gated"))
    trials = tuple(
        Trial(str(n), TrialState.SUCCEEDED, {"x": x}, final_measurement=Measurement({"loss": abs(x - BEST)}))
        for n, x in enumerate((0.6, 1.0, BEST, 1.5), start=1)
    )
    return HyperparameterTuningJob("earlier", job.study_spec, TrialJobSpec(worker_pools=()), 4, 1, trials=trials)


def with_earlier_studies(studies: Path, app: Path, **changes: object) -> Document:
    studies.mkdir(exist_ok=True)
    text, digest = earlier_studies_text([earlier_study(app)], ["runs/a"])
    earlier_studies_file(studies, digest).write_text(text)
    return job_document(app, "gated", trials=4, parallel=2, labels={EARLIER_STUDIES_LABEL: digest}, **changes)


def test_the_best_earlier_trial_is_the_second_one_also_after_a_restart(studies: Path, app: Path) -> None:
    document = with_earlier_studies(studies, app)
    with serving(studies) as client:
        name = client.create({**document, "parallelTrialCount": 1})
        wait_until(lambda: started(app) == ["1"])
    with serving(studies) as client:
        release(app, "1")
        wait_until(lambda: "2" in started(app))
        (parameter,) = client.get(name)["trials"][1]["parameters"]

    assert math.isclose(parameter["value"], BEST)


@pytest.mark.parametrize("label", ["0" * 40, "../secret"])
def test_a_label_without_its_file_is_refused(studies: Path, app: Path, label: str) -> None:
    with serving(studies) as client:
        answer = client.http.post(JOBS, json=job_document(app, "gated", labels={EARLIER_STUDIES_LABEL: label}))

    assert answer.status_code == 400
    assert f"labels.{EARLIER_STUDIES_LABEL}" in answer.json()["error"]["message"]


@pytest.mark.parametrize("algorithm", ["GRID_SEARCH", "RANDOM_SEARCH"])
def test_a_search_without_a_model_is_refused(studies: Path, app: Path, algorithm: str) -> None:
    document = with_earlier_studies(studies, app)
    document["studySpec"]["algorithm"] = algorithm
    document["studySpec"]["parameters"] = [{"parameterId": "x", "integerValueSpec": {"minValue": "1", "maxValue": "2"}}]
    with serving(studies) as client:
        answer = client.http.post(JOBS, json=document)

    assert answer.status_code == 400
    assert f"{algorithm} does not use earlier studies" in answer.json()["error"]["message"]


def test_a_study_with_several_metrics_is_refused(studies: Path, app: Path) -> None:
    document = with_earlier_studies(studies, app)
    document["studySpec"]["metrics"].append({"metricId": "speed", "goal": "MAXIMIZE"})
    with serving(studies) as client:
        answer = client.http.post(JOBS, json=document)

    assert answer.status_code == 400
    assert "the study has 2 metrics; earlier studies are used with one" in answer.json()["error"]["message"]


def test_a_job_whose_file_is_lost_goes_on_without_it(studies: Path, app: Path) -> None:
    document = with_earlier_studies(studies, app)
    with serving(studies) as client:
        client.create({**document, "parallelTrialCount": 1})
        wait_until(lambda: started(app) == ["1"])
    for file in studies.glob("service.earlier-*"):
        file.unlink()
    with serving(studies):
        release(app, "1")
        wait_until(lambda: "2" in started(app))
