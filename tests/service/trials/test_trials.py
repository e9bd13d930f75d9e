"""The final state of a trial for each behaviour of its app."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from service.harness import Client, Document, is_running, job_document, pid_of, wait_until


def only_trial(job: Document) -> Document:
    trial: Document
    (trial,) = job["trials"]
    return trial


def final_value(trial: Document) -> float:
    (metric,) = trial["finalMeasurement"]["metrics"]
    assert metric["metricId"] == "loss"
    return float(metric["value"])


def printed(job: Document, client: Client) -> Document:
    """Return the JSON document that the first trial of a job has printed."""
    assert job["state"] == "JOB_STATE_SUCCEEDED", job
    log = client.studies / "jobs" / job["name"].rsplit("/", 1)[-1] / "trials" / "1" / "log.txt"
    document: Document = json.loads(log.read_text())
    return document


def test_the_value_that_an_app_reports_is_the_trials_final_measurement(client: Client, app: Path) -> None:
    job = client.run(job_document(app, "report", trials=3, parallel=2))
    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert [trial["id"] for trial in job["trials"]] == ["1", "2", "3"]
    for trial in job["trials"]:
        assert trial["state"] == "SUCCEEDED"
        assert final_value(trial) == trial["parameters"][0]["value"]
        assert trial["startTime"] < trial["endTime"] <= job["endTime"]


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("crash", "exited with code 3\nboom"),
        ("die", "killed by signal 9 (SIGKILL)"),
        ("nothing", "exited with code 0 but reported no value of 'loss'"),
        ("nan", "exited with code 0 but the value that it reported of 'loss' is nan"),
        ("other-metric", "exited with code 0 but reported no value of 'loss'; it reported 'accuracy'"),
    ],
)
def test_a_trial_without_a_value_is_infeasible_and_says_why(
    client: Client, app: Path, behaviour: str, reason: str
) -> None:
    job = client.run(job_document(app, behaviour))
    trial = only_trial(job)
    assert (trial["state"], trial["infeasibleReason"]) == ("INFEASIBLE", reason)
    assert job["state"] == "JOB_STATE_FAILED"
    assert job["error"]["message"].startswith(f"1 of 1 trials failed; trial 1 {reason}")


def test_a_trial_that_hangs_is_ended_at_its_limit_with_everything_it_started(client: Client, app: Path) -> None:
    job = client.run(job_document(app, "gated", timeout="0.3s"))
    assert only_trial(job)["infeasibleReason"] == "ran past its limit of 0.3 s"
    assert not is_running(pid_of(app, "1"))


def test_a_command_that_does_not_exist_makes_its_trial_infeasible(client: Client, app: Path) -> None:
    document = job_document(app, "report")
    document["trialJobSpec"]["workerPoolSpecs"][0]["containerSpec"]["command"] = ["no-such-program"]
    reason = only_trial(client.run(document))["infeasibleReason"]
    assert reason == "could not be started: 'no-such-program': No such file or directory"


@pytest.mark.parametrize(
    ("selection", "value", "step"),
    [
        ("MEASUREMENT_SELECTION_TYPE_UNSPECIFIED", 3.0, "3"),
        ("LAST_MEASUREMENT", 3.0, "3"),
        ("BEST_MEASUREMENT", 1.0, "2"),
    ],
)
def test_the_selection_type_decides_which_measurement_counts(
    client: Client, app: Path, selection: str, value: float, step: str
) -> None:
    document = job_document(app, "curve")
    document["studySpec"]["measurementSelectionType"] = selection
    trial = only_trial(client.run(document))
    assert (final_value(trial), trial["finalMeasurement"]["stepCount"]) == (value, step)
    assert [m["metrics"][0]["value"] for m in trial["measurements"]] == [5.0, 1.0, 3.0]


def test_lines_of_a_metric_file_that_are_not_records_are_ignored(client: Client, app: Path) -> None:
    assert final_value(only_trial(client.run(job_document(app, "garbage")))) == 2.0


def test_what_a_running_trial_has_measured_can_be_read(client: Client, app: Path) -> None:
    name = client.create(job_document(app, "measure-then-gated"))
    measured = wait_until(lambda: client.get(name).get("trials", [{}])[0].get("measurements"))
    assert [m["metrics"][0]["value"] for m in measured] == [7.0]
    (app / "go-1").touch()
    assert final_value(only_trial(client.finished(name))) == 8.0


def test_a_curve_that_is_longer_than_its_file_is_recorded_completely(client: Client, app: Path) -> None:
    name = client.create(job_document(app, "many-reports"))
    for count in (80, 160, 240, 320):
        wait_until(lambda: len(client.get(name).get("trials", [{}])[0].get("measurements", [])) == count)  # noqa: B023
        (app / f"go-{count}").touch()
    trial = only_trial(client.finished(name))
    assert [int(m["stepCount"]) for m in trial["measurements"]] == list(range(1, 321))
    assert final_value(trial) == 320.0


def test_what_was_measured_stays_when_the_trial_removes_its_file(client: Client, app: Path) -> None:
    name = client.create(job_document(app, "measure-and-tidy-up"))
    wait_until(lambda: len(client.get(name).get("trials", [{}])[0].get("measurements", [])) == 3)
    metric_file = next((client.studies / "jobs" / name.rsplit("/", 1)[-1]).glob("trials/1/metrics.jsonl"))
    (app / "go-1").touch()
    wait_until(lambda: not metric_file.exists())
    (app / "go-on-1").touch()
    trial = only_trial(client.finished(name))
    assert [m["metrics"][0]["value"] for m in trial["measurements"]] == [9.0, 8.0, 7.0, 6.0]
    assert final_value(trial) == 6.0


def test_failed_trials_do_not_stop_the_study(client: Client, app: Path) -> None:
    job = client.run(job_document(app, "mixed", trials=6, parallel=6, timeout="1s"))
    assert job["state"] == "JOB_STATE_SUCCEEDED"
    assert [trial["state"] for trial in job["trials"]] == ["INFEASIBLE"] * 4 + ["SUCCEEDED"] * 2


def test_a_trial_gets_its_own_identity_and_output_folders(client: Client, app: Path, tmp_path: Path) -> None:
    job = client.run(job_document(app, "who", env={"COLOUR": "blue"}, output=str(tmp_path / "out")))
    environ = printed(job, client)["environ"]
    job_id = job["name"].rsplit("/", 1)[-1]
    assert (environ["CLOUD_ML_TRIAL_ID"], environ["CLOUD_ML_JOB_ID"], environ["COLOUR"]) == ("1", job_id, "blue")
    for name, folder in [("MODEL_DIR", "model"), ("CHECKPOINT_DIR", "checkpoints"), ("TENSORBOARD_LOG_DIR", "logs")]:
        assert environ[f"AIP_{name}"] == f"{tmp_path}/out/1/{folder}/"
        assert (tmp_path / "out" / "1" / folder).is_dir()


def test_a_bucket_is_mapped_to_a_folder_of_the_service(client: Client, app: Path) -> None:
    job = client.run(job_document(app, "who", output="gs://bucket/runs/"))
    environ = printed(job, client)["environ"]
    assert environ["AIP_MODEL_DIR"].endswith("/studies/gcs/bucket/runs/1/model/")
    assert Path(environ["AIP_MODEL_DIR"]).is_dir()


def test_each_kind_of_parameter_reaches_the_app_as_vertex_writes_it(client: Client, app: Path) -> None:
    document = job_document(app, "who")
    document["studySpec"]["parameters"] = [
        {"parameterId": "model.depth", "integerValueSpec": {"minValue": "4", "maxValue": "4"}},
        {"parameterId": "batch", "discreteValueSpec": {"values": [128]}},
        {"parameterId": "lr", "doubleValueSpec": {"minValue": 1e-5, "maxValue": 1e-5}},
        {"parameterId": "act", "categoricalValueSpec": {"values": ["a b=c"]}},
    ]
    arguments = printed(client.run(document), client)["arguments"]
    assert arguments == ["--model.depth=4", "--batch=128.0", "--lr=1e-05", "--act=a b=c"]


UNRULY = """
import os, signal, sys, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
with open(os.environ["CLOUD_ML_HP_METRIC_FILE"], "w") as file:
    file.write('{"loss": 1, "global_step": 1}\\n')
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            with open(sys.argv[1], "a") as file:
                file.write(f"{os.getpid()}\\n")
            os.execve("/bin/sleep", ["sleep", "600"], {})
        os._exit(0)
for _ in range(100):
    os.write(1, b"x" * 999_999 + b"\\n")
os.write(1, b"the flood is over\\n")
time.sleep(600)
"""


def test_a_trial_that_floods_its_log_forks_daemons_and_ignores_sigterm_is_ended(client: Client, app: Path) -> None:
    document, daemons = job_document(app, "unruly"), app / "daemons"
    container = document["trialJobSpec"]["workerPoolSpecs"][0]["containerSpec"]
    container.update(command=[sys.executable, "-I", "-S", "-c", UNRULY], args=[str(daemons)])
    name = client.create(document)
    log = client.studies / "jobs" / name.rsplit("/", 1)[-1] / "trials" / "1" / "log.txt"
    wait_until(lambda: log.exists() and log.read_bytes()[-100:].endswith(b"the flood is over\n"))
    pids = [int(pid) for pid in daemons.read_text().split()]
    assert len(pids) == 3
    assert all(map(is_running, pids))
    assert log.stat().st_size <= 64 << 20
    client.cancel(name)
    trial = only_trial(client.finished(name))
    assert not any(map(is_running, pids))
    assert len(trial["infeasibleReason"]) < 5000
    assert trial["infeasibleReason"].startswith("ended because the job was cancelled\n")
    assert trial["infeasibleReason"].endswith("the flood is over")
    assert [m["metrics"][0]["value"] for m in trial["measurements"]] == [1.0]
