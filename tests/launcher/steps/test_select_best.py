"""The step select_best with a real app: what its artifacts say, and which decisions fail it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from hydra_vertex.job import Goal, HyperparameterTuningJob, JobState, Measurement, MetricSpec, save_job
from hydra_vertex.job.document import JobError
from hydra_vertex.job.preference import PREFER_LABEL
from hydra_vertex.launcher.steps.select_best import select_best
from hydra_vertex.launcher.steps.step import run_step
from launcher.best.test_best_trial import APP, FILES
from launcher.confirm.repeats import make_repeats
from launcher.jobs import METRIC, make_job, make_trial
from launcher.study.metadata_service import metadata_service
from trial.apps import write_app

NAME = "projects/p/locations/l/hyperparameterTuningJobs/77"
PARAMETERS = ("overrides", "reproduce", "best_trial_id", "best_value", "skip_reason")
ARTIFACTS = ("best_config", "report", "metrics", "best_model", "best_checkpoint")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_app(tmp_path, **FILES)


def finished_job(folder: Path, **changes: Any) -> HyperparameterTuningJob:
    trials = [make_trial(n, v, parameters={"lr": 0.5}) for n, v in ((1, 0.5), (2, 0.25))]
    job = make_job(trials, name=NAME, **changes)
    return dataclasses.replace(
        job, trial_job_spec=dataclasses.replace(job.trial_job_spec, base_output_uri=str(folder / "runs"))
    )


def step(
    folder: Path,
    job: HyperparameterTuningJob,
    artifacts: tuple[str, ...] = ARTIFACTS,
    confirmation: str = "",
    **parameters: str,
) -> tuple[int, dict[str, Any]]:
    """Run the step. Return its exit code and its output; empty when it wrote none."""
    save_job(job, folder / "job")

    def artifact(name: str) -> object:
        return {"artifacts": [{"name": name, "uri": str(folder / "out" / name), "type": {}, "metadata": {}}]}

    inputs = {"job": str(folder / "job"), **({"confirmation": confirmation} if confirmation else {})}
    given = {
        "inputs": {
            "parameterValues": {"app_command": json.dumps(APP), **parameters},
            "artifacts": {k: {"artifacts": [{"name": k, "uri": uri, "type": {}}]} for k, uri in inputs.items()},
        },
        "outputs": {
            "outputFile": str(folder / "out/executor_output.json"),
            "artifacts": {name: artifact(name) for name in artifacts},
            "parameters": {name: {"outputFile": str(folder / "out" / name)} for name in PARAMETERS},
        },
    }
    code = run_step("select_best", select_best, ["--executor_input", json.dumps(given)])
    output = folder / "out/executor_output.json"
    return code, json.loads(output.read_text()) if output.exists() else {}


def artifact(output: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = output["artifacts"][name]["artifacts"]
    return dict(found)


def write(folder: Path, name: str) -> None:
    (folder / "runs" / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / "runs" / name).write_text("x")


def objective_and_state(metrics: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in metrics.items() if name not in {"worker_hours", "idle_share", "cost"}}


def test_the_best_trials_model_is_an_artifact_where_the_trial_wrote_it(folder: Path) -> None:
    write(folder, "1/model/other")
    write(folder, "2/model/weights")
    write(folder, "2/checkpoints/last.ckpt")

    code, output = step(folder, finished_job(folder))

    assert code == 0
    model, checkpoint = artifact(output, "best_model"), artifact(output, "best_checkpoint")
    assert model["uri"] == f"{folder}/runs/2/model"
    assert model["metadata"] == {
        "trialId": "2",
        "job": NAME,
        "jobState": "JOB_STATE_SUCCEEDED",
        "metric": "val/loss",
        "value": 0.25,
        "goal": "MINIMIZE",
        "val/loss": 0.25,
        "overrides": ["lr=0.5"],
        "image": "local",
    }
    assert checkpoint["uri"] == f"{folder}/runs/2/checkpoints"
    assert checkpoint["metadata"]["checkpoint"] == f"{folder}/runs/2/checkpoints/last.ckpt"
    assert objective_and_state(artifact(output, "metrics")["metadata"]) == {"val/loss": 0.25}


def test_a_trial_without_a_model_has_empty_artifacts_and_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, output = step(folder, finished_job(folder))

    assert code == 0
    for name in ("best_model", "best_checkpoint"):
        assert artifact(output, name)["uri"] == f"{folder}/out/{name}"
        assert list((folder / "out" / name).iterdir()) == []
    assert capsys.readouterr().err.startswith("select_best: trial 2 wrote no model: ")


def test_a_store_that_cannot_have_the_address_names_it(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KFP_POD_NAME", "pod")
    job = finished_job(folder)
    spec = dataclasses.replace(job.trial_job_spec, base_output_uri="gs://no-such-bucket/x")

    _, output = step(folder, dataclasses.replace(job, trial_job_spec=spec))

    assert artifact(output, "best_model")["uri"] == f"{folder}/out/best_model"
    assert artifact(output, "best_model")["metadata"]["uri"] == "gs://no-such-bucket/x/2/model"
    assert "best_model: gs://no-such-bucket/x/2/model; the artifact store of this pipeline" in capsys.readouterr().err


def test_a_job_that_did_not_succeed_is_named_in_report_metrics_and_models(folder: Path) -> None:
    job = finished_job(folder, state=JobState.FAILED, error=JobError(3, "quota of <GPUs>"))

    code, output = step(folder, job)

    assert code == 0
    assert objective_and_state(artifact(output, "metrics")["metadata"]) == {"val/loss": 0.25, "job_succeeded": 0}
    for name in ("best_config", "best_model", "best_checkpoint"):
        metadata = artifact(output, name)["metadata"]
        assert metadata["jobState"] == "JOB_STATE_FAILED"
        assert metadata["jobProblem"].startswith(f"{NAME} ended as JOB_STATE_FAILED: quota of <GPUs>")
    page = (folder / "out/report").read_text()
    assert "The tuning job did not succeed." in page
    assert "It ended as JOB_STATE_FAILED: quota of &lt;GPUs&gt;." in page


def test_a_warm_start_without_a_checkpoint_fails_with_the_outputs_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(folder, "2/model/weights.joblib")

    code, output = step(folder, finished_job(folder), warm_start_key="ckpt_path")

    assert code == 1
    assert (
        "--warm-start ckpt_path: the best trial has no checkpoint, so nothing is retrained" in capsys.readouterr().err
    )
    assert output["parameterValues"]["best_trial_id"] == "2"


@pytest.mark.parametrize(
    "parameters",
    [
        {"retraining": "skip"},
        {"metric_threshold": "0.1", "on_missed_threshold": "skip-retraining"},
    ],
)
def test_without_a_retraining_no_checkpoint_is_needed(folder: Path, parameters: dict[str, str]) -> None:
    assert step(folder, finished_job(folder), ARTIFACTS, warm_start_key="ckpt_path", **parameters)[0] == 0


def test_a_warm_start_with_a_checkpoint_goes_on(folder: Path) -> None:
    write(folder, "2/hydra/checkpoints/last.ckpt")

    assert step(folder, finished_job(folder), warm_start_key="ckpt_path")[0] == 0


def test_an_unknown_word_for_the_retraining_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert step(folder, finished_job(folder), retraining="no")[0] == 2
    assert "retraining: expected one of run, skip, got 'no'" in capsys.readouterr().err


def test_a_pipeline_of_an_earlier_version_has_no_models(folder: Path) -> None:
    code, output = step(folder, finished_job(folder), artifacts=("best_config", "report", "metrics"))

    assert code == 0
    assert sorted(output["artifacts"]) == ["best_config", "metrics", "report"]


def test_trials_are_logged_in_an_experiment(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with metadata_service() as service:
        code, _ = step(folder, finished_job(folder), log_experiment="tuning", api_endpoint=service.url)

    assert code == 0
    assert "2 trials are logged as runs of the experiment tuning" in capsys.readouterr().err
    assert len(service.contexts) == 3


def test_a_log_that_fails_keeps_the_selection(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with metadata_service() as service:
        service.refuse = 403
        code, output = step(folder, finished_job(folder), log_experiment="tuning", api_endpoint=service.url)

    assert code == 0
    assert output["parameterValues"]["best_trial_id"] == "2"
    assert "the trials are not logged in the experiment tuning: " in capsys.readouterr().err


def test_the_mean_of_the_repeats_selects_the_trial(folder: Path) -> None:
    trials = [make_trial(n, v, parameters={"lr": lr}) for n, v, lr in ((1, 0.5, 0.5), (2, 0.25, 0.25))]
    study = make_job(trials, name=NAME)
    repeats = make_repeats(study, {"1": [0.4, 0.5, 0.6], "2": [0.9, 0.8, 0.9]})
    save_job(repeats, folder / "confirmation")

    code, output = step(folder, study, confirmation=str(folder / "confirmation"))

    assert code == 0
    assert output["parameterValues"]["best_trial_id"] == "1"
    assert output["parameterValues"]["best_value"] == pytest.approx(0.5)
    assert artifact(output, "best_model")["metadata"]["value"] == pytest.approx(0.5)
    assert "lr: 0.5" in (folder / "out/best_config").read_text()
    assert "# Confirmed with 3 seeds (seed = 1000 to 1002): trial 1" in (folder / "out/best_config").read_text()
    report = (folder / "out/report").read_text()
    assert "Repeats of the best configurations" in report
    assert "The repeats used 0.03 worker-hours, beside those of the study" in report
    found = artifact(output, "metrics")["metadata"]
    assert (found["val/loss"], found["repeats"], found["ranking_settled"]) == (pytest.approx(0.5), 3, 1.0)
    assert found["interval_low"] < 0.5 < found["interval_high"]
    assert found["repeats_worker_hours"] == pytest.approx(6 * 20 / 3600)


@pytest.mark.parametrize("content", ["", None])
def test_without_repeats_the_study_s_own_values_select(folder: Path, content: str | None) -> None:
    if content is not None:
        (folder / "confirmation").write_text(content)

    code, output = step(folder, finished_job(folder), confirmation=str(folder / "confirmation"))

    assert code == 0
    assert output["parameterValues"]["best_trial_id"] == "2"


def test_repeats_that_all_failed_fail_the_step(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trials = [make_trial(n, v, parameters={"lr": v}) for n, v in ((1, 0.5), (2, 0.25))]
    study = make_job(trials, name=NAME)
    save_job(make_repeats(study, {"1": [None, None], "2": [None, None]}), folder / "confirmation")

    code, output = step(folder, study, confirmation=str(folder / "confirmation"))

    assert (code, output) == (1, {})
    assert "no configuration is confirmed" in capsys.readouterr().err


def test_with_several_objectives_the_pareto_set_is_an_artifact(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = finished_job(folder).trials
    trials = tuple(
        dataclasses.replace(trial, final_measurement=Measurement({METRIC: loss, "size": size}))
        for trial, loss, size in ((one, 0.5, 1.0), (two, 0.25, 3.0))
    )
    job = dataclasses.replace(finished_job(folder), trials=trials)
    metrics = (*job.study_spec.metrics, MetricSpec("size", Goal.MINIMIZE))
    job = dataclasses.replace(job, study_spec=dataclasses.replace(job.study_spec, metrics=metrics))
    code, output = step(folder, job, (*ARTIFACTS, "pareto"))
    assert code == 0, capsys.readouterr().err
    assert {path.name for path in (folder / "out/pareto").iterdir()} == {"trial_1.yaml", "trial_2.yaml"}
    assert artifact(output, "pareto")["metadata"]["trialIds"] == ["1", "2"]
    assert objective_and_state(artifact(output, "metrics")["metadata"]) == {METRIC: 0.5, "size": 1.0}
    assert artifact(output, "best_model")["metadata"]["objectives"] == [
        {"metric": METRIC, "value": 0.5, "goal": "MINIMIZE"},
        {"metric": "size", "value": 1.0, "goal": "MINIMIZE"},
    ]
    assert step(folder, job)[0] == 0, "a pipeline of an earlier version has no such artifact"


@pytest.mark.parametrize(
    ("labels", "given", "selected"),
    [({}, "", "2"), ({}, "size", "1"), ({PREFER_LABEL: "2"}, "", "1"), ({PREFER_LABEL: "2"}, METRIC, "3")],
)
def test_the_preferred_objective_decides_within_the_pareto_set(
    folder: Path, labels: dict[str, str], given: str, selected: str
) -> None:
    rows = {1: (0.9, 1.0), 2: (0.3, 2.0), 3: (0.1, 9.0)}
    trials = [
        dataclasses.replace(
            make_trial(number, loss, parameters={"lr": 0.5}),
            final_measurement=Measurement({METRIC: loss, "size": size}),
        )
        for number, (loss, size) in rows.items()
    ]
    metrics = (MetricSpec(METRIC, Goal.MINIMIZE), MetricSpec("size", Goal.MINIMIZE))
    job = dataclasses.replace(finished_job(folder), trials=tuple(trials), labels=labels)
    job = dataclasses.replace(job, study_spec=dataclasses.replace(job.study_spec, metrics=metrics))

    code, output = step(folder, job, (*ARTIFACTS, "pareto"), prefer=given)

    assert code == 0
    assert artifact(output, "best_config")["metadata"]["trialId"] == selected
    rule = artifact(output, "pareto")["metadata"]["rule"]
    assert rule.endswith({"1": "the best size", "2": "of every objective", "3": f"the best {METRIC}"}[selected])
    assert rule in (folder / "out/report").read_text()


def test_a_preference_in_a_study_of_one_objective_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, output = step(folder, finished_job(folder), prefer=METRIC)

    assert (code, output) == (2, {})
    assert "prefer: 'val/loss': the study has one objective, val/loss; leave it out" in capsys.readouterr().err


def test_with_one_objective_the_artifact_of_the_pareto_set_is_empty(folder: Path) -> None:
    code, output = step(folder, finished_job(folder), (*ARTIFACTS, "pareto"))
    assert code == 0
    assert list((folder / "out/pareto").iterdir()) == []
    assert artifact(output, "pareto")["metadata"] == {}


def test_the_summary_is_markdown_and_a_pipeline_of_an_earlier_version_has_none(folder: Path) -> None:
    code, output = step(folder, finished_job(folder), (*ARTIFACTS, "summary"))

    assert (code, artifact(output, "summary")["name"]) == (0, "summary")
    text = (folder / "out/summary").read_text()
    assert "Best trial: **2**" in text
    assert "CONFIG_DIR" in text
    assert step(folder, finished_job(folder))[0] == 0
