"""`hydra-vertex job`: the document is the one that `submit` leads to, and that gcloud and our own commands read."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from hydra_vertex.cli.main import main
from hydra_vertex.job import dump_job
from hydra_vertex.launcher.steps.tune_input import requested_job
from hydra_vertex.pipelines.compiler import compile_pipeline
from hydra_vertex.protocol.executor import Artifact, ExecutorInput
from pipelines.apps import Project, make_project
from pipelines.test_submit import FakeVertex, serving_vertex
from service.harness import start

APP = ("--", "python", "app.py")
ROOT = ("--root", "gs://bucket/runs")
IMAGE = ("--image", "eu.gcr.io/p/train:1")
GCLOUD_FORM = """
displayName: weekly
maxTrialCount: 6
parallelTrialCount: 3
maxFailedTrialCount: 2
labels: {team: vision}
studySpec:
  metrics: [{metricId: val/loss, goal: MINIMIZE}]
  medianAutomatedStoppingSpec: {useElapsedDuration: true}
  parameters:
  - {parameterId: lr, scaleType: UNIT_LOG_SCALE, doubleValueSpec: {minValue: 0.001, maxValue: 0.1}}
  - {parameterId: depth, integerValueSpec: {minValue: 1, maxValue: 4}}
trialJobSpec:
  scheduling: {timeout: 3600s, maxWaitDuration: 60s, strategy: FLEX_START}
  workerPoolSpecs:
  - machineSpec: {machineType: n1-standard-8, acceleratorType: NVIDIA_TESLA_T4, acceleratorCount: 1}
    containerSpec: {imageUri: theirs, args: [note=a], env: [{name: A, value: b}]}
  - machineSpec: {machineType: n1-standard-8, acceleratorType: NVIDIA_TESLA_T4, acceleratorCount: 1}
    replicaCount: 3
    containerSpec: {imageUri: theirs, args: [note=a]}
  - machineSpec: {machineType: n1-highcpu-16}
    replicaCount: 2
    containerSpec: {imageUri: "us-docker.pkg.dev/vertex-ai-restricted/training/reductionserver:latest"}
"""
STUDIES: dict[str, tuple[str, ...]] = {
    "a sweeper file": ("--search", "search.yaml", *IMAGE),
    "options": (
        *("--search", "search.yaml", *IMAGE, "--name", "my study", "--trials", "8", "--parallel", "4", "--seed", "3"),
        *("--trial-machine-type", "g2-standard-24", "--trial-disk", "pd-ssd:200", "--spot", "--restart", "never"),
        *("--service-account", "robot@p.iam", "--trial-service-account", "trial@p.iam", "--label", "team=a"),
        *("--network", "projects/1/global/networks/n", "--reserved-ip-range", "r", "--network-attachment", "a"),
        *("--encryption-key", "projects/p/locations/us-central1/keyRings/r/cryptoKeys/k", "--trial-timeout", "60"),
        *("--tensorboard", "projects/p/locations/us-central1/tensorboards/1", "--early-stopping", "median"),
        *("--max-failed-trials", "2", "--alias", "lr=lr", "--monitor", "val/acc", "--label", "env=x"),
    ),
    "several pools": (
        *("--search", "search.yaml", *IMAGE, "--worker-pool-spec", "machine-type=n1-standard-8"),
        *("--worker-pool-spec", "machine-type=n1-standard-8,replica-count=3,accelerator-type=NVIDIA_TESLA_T4"),
        *("--worker-pool-spec", "machine-type=n1-highcpu-16,container-image-uri=a/reductionserver:latest"),
    ),
    "a pool that is not used": (
        *("--search", "search.yaml", *IMAGE, "--worker-pool-spec", "machine-type=n1-standard-8"),
        *("--worker-pool-spec", "", "--worker-pool-spec", "machine-type=n1-standard-8"),
    ),
    "a preferred objective": ("--search", "two.yaml", "--prefer", "size", *IMAGE),
    "gcloud's form": ("--search", "gcloud.yaml", "--strategy", "flex-start", "--max-wait", "0"),
    "gcloud's form with an image": ("--search", "gcloud.yaml", *IMAGE),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = make_project(tmp_path_factory.mktemp("project"))
    project.write("gcloud.yaml", GCLOUD_FORM)
    one = (project.path / "search.yaml").read_text()
    several = one.replace("direction: minimize", "direction: [minimize, minimize]")
    project.write("two.yaml", several.replace("optimized_metric: val/loss", "optimized_metric: [val/loss, size]"))
    compile_pipeline(project.path / "pipeline.json")
    return project


@pytest.fixture
def vertex(monkeypatch: pytest.MonkeyPatch, project: Project) -> Iterator[FakeVertex]:
    monkeypatch.chdir(project.path)
    with serving_vertex(monkeypatch) as server:
        yield server


def job(capfd: pytest.CaptureFixture[str], *options: str, app: tuple[str, ...] = APP, check: bool = False) -> Any:
    """Return the document that the command prints."""
    code = main(["job", *(() if check else ("--no-check",)), *options, *app])
    printed = capfd.readouterr()
    assert code == 0, printed.err
    return yaml.safe_load(printed.out)


def without_folder(document: Any) -> Any:
    """Return a job without its output folder, which differs from one submission to the next."""
    folder = document["trialJobSpec"].pop("baseOutputDirectory")["outputUriPrefix"]
    assert folder.startswith("gs://bucket/runs/")
    assert folder.endswith("/trials")
    return document


@pytest.mark.parametrize("study", STUDIES)
def test_the_document_is_the_job_that_the_submitted_pipeline_creates(
    vertex: FakeVertex, capfd: pytest.CaptureFixture[str], study: str
) -> None:
    target = ("--project", "p", "--location", "us-central1", "--api-endpoint", vertex.url, "--no-check", "--json")
    assert main(["submit", "pipeline.json", *target, *ROOT, *STUDIES[study], *APP]) == 0
    capfd.readouterr()
    parameters = vertex.requests[0][1]["runtimeConfig"]["parameterValues"]
    outputs = {"job": Artifact("job", "gs://bucket/runs/1/tune-and-retrain-20260131120000/tune_-5/job", {})}
    created = dump_job(requested_job(ExecutorInput(parameters, {}, outputs, Path("output.json"))))

    assert without_folder(job(capfd, *ROOT, *STUDIES[study])) == without_folder(created)


@pytest.mark.parametrize("study", ["options", "several pools", "gcloud's form"])
def test_the_document_is_the_stored_one(
    project: Project, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], study: str
) -> None:
    monkeypatch.chdir(project.path)
    stored = Path(__file__).with_name("golden") / f"{re.sub('[^a-z]+', '_', study)}.yaml"

    assert without_folder(job(capfd, *ROOT, *STUDIES[study])) == yaml.safe_load(stored.read_text())


def test_a_pipeline_of_an_earlier_version_gets_a_folder_that_no_other_submission_has(
    project: Project, vertex: FakeVertex, capfd: pytest.CaptureFixture[str]
) -> None:
    pipeline = json.loads((project.path / "pipeline.json").read_text())
    del pipeline["root"]["inputDefinitions"]["parameters"]["study_root"]
    del pipeline["root"]["dag"]["tasks"]["tune"]["inputs"]["parameters"]["study_root"]
    project.write("earlier.json", json.dumps(pipeline))
    target = ("--project", "p", "--location", "us-central1", "--api-endpoint", vertex.url, "--no-check", "--json")

    for _ in range(2):
        assert main(["submit", "earlier.json", *target, *ROOT, *STUDIES["a sweeper file"], *APP]) == 0
    capfd.readouterr()

    values = [request["runtimeConfig"]["parameterValues"] for _, request in vertex.requests]
    folders = [json.loads(each["trial_job_spec"])["baseOutputDirectory"]["outputUriPrefix"] for each in values]
    for folder in folders:
        assert re.fullmatch(r"gs://bucket/runs/app-search-\d{8}-\d{6}-[0-9a-f]{6}/trials", folder)
    assert len(set(folders)) == 2


@pytest.mark.parametrize("suffix", [".yaml", ".json"])
@pytest.mark.parametrize("study", STUDIES)
def test_the_document_is_a_search_file_of_the_same_job(
    project: Project, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], study: str, suffix: str
) -> None:
    monkeypatch.chdir(project.path)
    file = f"job{suffix}"
    assert main(["job", "-o", file, "--no-check", *ROOT, *STUDIES[study], *APP]) == 0
    printed = capfd.readouterr()
    assert printed.out == ""
    written = yaml.safe_load((project.path / file).read_text())

    assert job(capfd, "--search", file) == written
    assert job(capfd, "--search", file, app=()) == written


def test_another_command_than_that_of_the_file_is_refused(
    project: Project, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project.path)
    assert main(["job", "-o", "job.yaml", "--no-check", *ROOT, *STUDIES["a sweeper file"], *APP]) == 0

    assert main(["job", "--no-check", "--search", "job.yaml", "--", "python", "other.py"]) == 2

    assert "the app's command in containerSpec.command is python app.py" in capfd.readouterr().err


def test_a_command_of_the_file_that_a_study_would_not_have_is_refused(
    project: Project, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project.path)
    document = job(capfd, *ROOT, *STUDIES["a sweeper file"])
    document["trialJobSpec"]["workerPoolSpecs"][0]["containerSpec"]["command"][2] = "val/acc"
    project.write("edited.yaml", yaml.safe_dump(document))

    assert main(["job", "--no-check", "--search", "edited.yaml"]) == 2

    assert "containerSpec.command starts hydra-trial --metric val/acc" in capfd.readouterr().err


def test_the_app_is_checked_as_before_a_submission(
    project: Project, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project.path)
    project.write("wrong.yaml", GCLOUD_FORM.replace("parameterId: lr", "parameterId: lrr"))

    assert main(["job", *ROOT, "--search", "wrong.yaml", *APP]) == 2
    printed = capfd.readouterr()

    assert printed.out == ""
    assert "lrr" in printed.err
    assert job(capfd, *ROOT, *STUDIES["gcloud's form"], check=True)["displayName"] == "weekly"


REFUSED: dict[str, tuple[tuple[str, ...], str]] = {
    "a suffix": (("-o", "job.txt"), "job.txt: the file of a job ends in .yaml, .yml, .json"),
    "a machine": (
        ("--trial-machine-type", "n1-standard-5"),
        "search.yaml and the options: trialJobSpec.workerPoolSpecs[0].machineSpec: no machine type n1-standard-5",
    ),
    "a pair": (("--trial-accelerator", "NVIDIA_L4"), "n1-standard-4 cannot have NVIDIA_L4"),
    "a pair in a pool": (
        ("--worker-pool-spec", "machine-type=n1-standard-8,accelerator-type=NVIDIA_L4"),
        "n1-standard-8 cannot have NVIDIA_L4",
    ),
    "a threshold": (("--metric-threshold", "1"), "--metric-threshold is for a pipeline"),
    "a missed threshold": (("--on-missed-threshold", "skip-retraining"), "--on-missed-threshold is for a pipeline"),
    "an unsuccessful job": (("--on-unsuccessful-job", "select"), "--on-unsuccessful-job is for a pipeline"),
    "repeats": (("--confirm", "2", "--seed-key", "seed"), "--confirm is for a pipeline"),
    "an option of submit only": (("--retrain", "a=1"), "unrecognized arguments"),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_invalid_input_is_one_line_and_writes_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], case: str
) -> None:
    options, says = REFUSED[case]
    monkeypatch.chdir(project.path)
    try:
        code = main(["job", "--no-check", *ROOT, *IMAGE, "--search", "search.yaml", *options, *APP])
    except SystemExit as ended:
        code = int(str(ended.code))
    printed = capfd.readouterr()

    assert (code, printed.out) == (2, "")
    assert says in printed.err
    assert len(printed.err.splitlines()) == 1
    assert not (project.path / "job.txt").exists()


PAIR = GCLOUD_FORM.replace("acceleratorType: NVIDIA_TESLA_T4", "acceleratorType: NVIDIA_L4")


@pytest.mark.parametrize(
    "command",
    [
        ("check",),
        ("job", "--no-check", *ROOT),
        (
            *("submit", "pipeline.json", "--project", "p", "--location", "l", "--api-endpoint", "http://127.0.0.1:9"),
            *("--no-check", *ROOT),
        ),
    ],
    ids=lambda command: command[0],
)
def test_every_command_refuses_a_machine_of_the_search_file_that_does_not_exist(
    project: Project, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(project.path)
    project.write("pair.yaml", PAIR)

    assert main([*command, "--search", "pair.yaml", *APP]) == 2

    assert "pair.yaml" in (said := capfd.readouterr().err)
    assert "trialJobSpec.workerPoolSpecs[0].machineSpec: n1-standard-8 cannot have NVIDIA_L4" in said


MISSPELT = {
    "field": (
        "maxWaitDuration",
        "maxWaitDuratoin",
        "maxWaitDuratoin: is not a field of the API; did you mean 'maxWait",
    ),
    "value": ("FLEX_START", "FLEX_STRAT", "'FLEX_STRAT' is not one of its values; did you mean 'FLEX_START'"),
    "type": ("maxWaitDuration: 60s", "maxWaitDuration: 60 s", "trialJobSpec.scheduling.maxWaitDuration: "),
}
TARGET = ("--project", "p", "--location", "l", "--api-endpoint", "http://127.0.0.1:9", "--no-check")


@pytest.mark.parametrize("case", MISSPELT)
@pytest.mark.parametrize(
    "command",
    [("check",), ("run", "--no-check"), ("job", "--no-check", *ROOT), ("submit", "pipeline.json", *TARGET, *ROOT)],
    ids=lambda command: command[0],
)
def test_every_command_refuses_a_misspelt_field_and_a_wrong_value(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    command: tuple[str, ...],
    case: str,
) -> None:
    monkeypatch.chdir(project.path)
    right, wrong, says = MISSPELT[case]
    project.write("misspelt.yaml", GCLOUD_FORM.replace(right, wrong))

    assert main([*command, "--search", "misspelt.yaml", *APP]) == 2

    assert "misspelt.yaml: trialJobSpec.scheduling." in (said := capfd.readouterr().err)
    assert says in said


def test_a_newer_machine_passes_without_the_machine_check(
    project: Project, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project.path)
    newer = ("--no-machine-check", "--trial-machine-type", "n9-standard-8")

    document = job(capfd, *ROOT, *STUDIES["a sweeper file"], *newer)

    assert document["trialJobSpec"]["workerPoolSpecs"][0]["machineSpec"] == {"machineType": "n9-standard-8"}


def test_a_job_with_a_secret_is_written_to_a_private_file_only(
    project: Project, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project.path)
    command = ("job", "--no-check", *ROOT, *STUDIES["a sweeper file"])
    app = (*APP, "+api_key=hunter2hunter2hunter2")

    assert main([*command, *app]) == 2
    refused = capfd.readouterr()
    assert main([*command, "-o", "secret.yaml", *app]) == 0
    printed = capfd.readouterr()

    assert "give -o FILE" in refused.err
    assert "hunter2" not in refused.out + refused.err + printed.out + printed.err
    file = project.path / "secret.yaml"
    assert "hunter2" in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")
def test_gcloud_creates_the_job_of_the_document(
    project: Project, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(project.path)
    # Gcloud refuses a field that is newer than itself, by its name.
    at = STUDIES["options"].index("--network-attachment")
    study = (*STUDIES["options"][:at], *STUDIES["options"][at + 2 :])
    assert main(["job", "-o", "job.yaml", "--no-check", *ROOT, *study, *APP]) == 0
    said = capfd.readouterr().err
    command = said.partition("job.yaml: ")[2].strip()
    assert command == "gcloud ai hp-tuning-jobs create --region=REGION '--display-name=my study' --config=job.yaml"
    with start(tmp_path / "studies") as service:
        environ = {
            **os.environ,
            "CLOUDSDK_CONFIG": str(tmp_path / "config"),
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_AIPLATFORM": f"{service.url}/",
            "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
            "CLOUDSDK_CORE_PROJECT": "p",
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
        }
        create = ("gcloud", "ai", "hp-tuning-jobs", "create", "--region=us-central1", "--display-name=my study")
        done = subprocess.run(
            (*create, "--config=job.yaml", "--format=value(name)"),
            env=environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        created = httpx.get(f"{service.url}/v1/{done.stdout.strip()}", trust_env=False).json()

    written = yaml.safe_load((project.path / "job.yaml").read_text())
    assert google_form({name: created[name] for name in written}) == google_form(written)


def google_form(document: Any) -> Any:
    """Return a job as Google's message class writes it."""
    from google.protobuf.json_format import MessageToDict, ParseDict

    from hydra_vertex.service.api.google_messages import message_class

    return MessageToDict(ParseDict(document, message_class("HyperparameterTuningJob")()))


def test_a_warm_start_is_refused_for_a_key_that_an_alias_of_the_file_sets(
    project: Project, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project.path)
    study = ("--search", "search.yaml", "--alias", "lr=note", *IMAGE)
    assert main(["job", "-o", "job.yaml", "--no-check", *ROOT, *study, *APP]) == 0

    assert main(["check", "--search", "job.yaml", "--warm-start", "note"]) == 2

    assert "--warm-start note: the search space has this key too" in capfd.readouterr().err
