"""`--narrow`: the search space of a study on Vertex AI, narrowed by earlier studies; shown, sent, and in the job."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hydra_vertex.cli.main import main
from hydra_vertex.job import (
    Categorical,
    DoubleRange,
    Goal,
    HyperparameterTuningJob,
    IntegerRange,
    Measurement,
    MetricSpec,
    ParameterSpec,
    ParameterValue,
    ScaleType,
    StudySpec,
    Trial,
    TrialJobSpec,
    TrialState,
    save_job,
)
from hydra_vertex.pipelines.compiler import compile_pipeline
from json_schemas import validated
from pipelines.apps import make_project
from pipelines.test_submit import FakeVertex, serving_vertex

APP = ("--", "python", "app.py")
STUDY = ("--search", "search.yaml")
NARROW = ("--start-from", "earlier", "--narrow")
JOB = ("--image", "i", "--root", "gs://b/r")
SPEC = StudySpec(
    (MetricSpec("val/loss", Goal.MINIMIZE),),
    (
        ParameterSpec("lr", DoubleRange(1e-4, 1.0), ScaleType.LOG),
        ParameterSpec("depth", IntegerRange(1, 6)),
        ParameterSpec("model", Categorical(("small", "large"))),
    ),
)
ROWS: tuple[dict[str, ParameterValue], ...] = tuple(
    {"lr": lr, "depth": depth, "model": model}
    for lr, depth, model in (
        *((0.01, 3.0, "small"), (0.012, 3.0, "small"), (0.014, 4.0, "small"), (0.02, 3.0, "small")),
        *((0.5, 6.0, "large"), (0.6, 6.0, "large"), (0.7, 6.0, "large"), (0.8, 6.0, "large")),
    )
)
SENTENCE = "the narrowed search space is all that the study takes from earlier ones"
LABEL = {"hydra-vertex-narrowed": "3-parameters_3-trials_1-sources"}


def earlier_job(rows: tuple[dict[str, ParameterValue], ...] = ROWS) -> HyperparameterTuningJob:
    trials = tuple(
        Trial(str(n), TrialState.SUCCEEDED, row, final_measurement=Measurement({"val/loss": float(n)}))
        for n, row in enumerate(rows, start=1)
    )
    return HyperparameterTuningJob("earlier", SPEC, TrialJobSpec(worker_pools=()), 99, 1, trials=trials)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    Path("earlier").mkdir()
    save_job(earlier_job(), Path("earlier/job.json"))
    return tmp_path


@pytest.fixture
def vertex(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeVertex]:
    with serving_vertex(monkeypatch) as server:
        yield server


def printed_job(capfd: pytest.CaptureFixture[str], *options: str) -> Any:
    assert main(["job", "--no-check", *JOB, *STUDY, *options, *APP]) == 0
    return yaml.safe_load(capfd.readouterr().out)


def domains(study_spec: Any) -> dict[str, Any]:
    return {
        parameter["parameterId"]: value
        for parameter in study_spec["parameters"]
        for key, value in parameter.items()
        if key.endswith("ValueSpec")
    }


NEW = {
    "lr": {"minValue": 0.0039, "maxValue": 0.036},
    "depth": {"minValue": "2", "maxValue": "5"},
    "model": {"values": ["small"]},
}


def test_check_shows_the_old_and_the_new_space(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", *STUDY, *NARROW, *APP]) == 0

    out = capsys.readouterr().out
    assert "earlier: 8 of 8 trials lie in the search space" in out
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines() if line.startswith("│")]
    assert rows[3:] == [
        ["lr", "0.0001 … 1.0", "0.0039 … 0.036"],
        ["depth", "1 … 6", "2 … 5"],
        ["model", "small, large", "small"],
    ]
    assert "narrowed to the best 3 earlier trials" in out
    assert SENTENCE in " ".join(out.split())
    assert "in the best 3 earlier trials (the search space" not in out, "the table has the ranges"


def test_check_has_the_new_space_in_its_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json", *STUDY, *NARROW, *APP]) == 0

    document = json.loads(capsys.readouterr().out)
    validated(document, "check")
    assert domains(document["studySpec"]) == NEW
    assert document["narrowed"][2] == {"parameter": "model", "from": "small, large", "to": "small"}
    assert document["notices"][-1].startswith(SENTENCE)
    assert document["firstTrial"] == "", "a study on Vertex AI has no first trial"


def test_without_the_option_nothing_is_narrowed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json", *STUDY, "--start-from", "earlier", *APP]) == 0

    document = json.loads(capsys.readouterr().out)
    assert document["narrowed"] == []
    assert domains(document["studySpec"])["lr"] == {"minValue": 1e-4, "maxValue": 1.0, "defaultValue": 0.1}


def test_the_job_has_the_new_space_and_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    wide, narrow = printed_job(capfd), printed_job(capfd, *NARROW)

    assert domains(narrow["studySpec"]) == NEW
    assert narrow["labels"].items() >= LABEL.items()
    for document in (wide, narrow):
        for key in ("labels", "trialJobSpec"):
            document.pop(key)
        document["studySpec"].pop("parameters")
    assert narrow == wide, "nothing else of the study changes"


def test_the_submitted_pipeline_has_the_new_space(vertex: FakeVertex, capsys: pytest.CaptureFixture[str]) -> None:
    compile_pipeline(Path("pipeline.json"))
    target = ("--project", "p", "--location", "us-central1", "--api-endpoint", vertex.url)

    assert main(["submit", "pipeline.json", "--no-baseline", *target, *JOB, *STUDY, *NARROW, *APP]) == 0

    values = vertex.requests[0][1]["runtimeConfig"]["parameterValues"]
    assert domains(json.loads(values["study_spec"])) == NEW
    assert json.loads(values["labels"]).items() >= LABEL.items()
    said = capsys.readouterr().err
    assert "lr: 0.0001 … 1.0 is narrowed to 0.0039 … 0.036" in said
    assert SENTENCE in said


def test_the_arguments_for_a_cluster_have_the_new_space(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["arguments", "--no-check", "--image", "i", *STUDY, *NARROW, *APP]) == 0

    values = json.loads(capfd.readouterr().out)
    assert domains(json.loads(values["study_spec"])) == NEW
    assert json.loads(values["labels"]).items() >= LABEL.items()


def test_a_pipeline_in_a_cluster_takes_no_earlier_studies_otherwise(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["arguments", *STUDY, "--start-from", "earlier", *APP]) == 2

    assert "the tuning service of a pipeline takes no earlier trials and no first points" in capsys.readouterr().err


def test_a_parameter_of_a_value_that_is_left_out_is_said_to_be_left_out(capfd: pytest.CaptureFixture[str]) -> None:
    momentum = {"parameterId": "momentum", "doubleValueSpec": {"minValue": 0.5, "maxValue": 0.9}}
    conditional = {"parentCategoricalValues": {"values": ["large"]}, "parameterSpec": momentum}
    model = {
        "parameterId": "model",
        "categoricalValueSpec": {"values": ["small", "large"], "defaultValue": "large"},
        "conditionalParameterSpecs": [conditional],
    }
    metrics = [{"metricId": "val/loss", "goal": "MINIMIZE"}]
    Path("nested.yaml").write_text(json.dumps({"studySpec": {"metrics": metrics, "parameters": [model]}}))

    assert main(["job", "--no-check", *JOB, "--search", "nested.yaml", *NARROW, *APP]) == 0

    printed = capfd.readouterr()
    assert domains(yaml.safe_load(printed.out)["studySpec"]) == {"model": {"values": ["small"]}}
    assert "momentum: 0.5 … 0.9 is left out" in printed.err
    assert "model: its default is outside of the narrowed range and left out" in printed.err


def test_a_search_without_a_model_is_narrowed_too(capfd: pytest.CaptureFixture[str]) -> None:
    text = Path("search.yaml").read_text()
    sampler = "  sweeper:\n    sampler: {_target_: optuna.samplers.RandomSampler}"
    Path("search.yaml").write_text(text.replace("  sweeper:", sampler))

    assert domains(printed_job(capfd, *NARROW)["studySpec"]) == NEW


def test_a_study_that_narrows_nothing_is_said_to(capfd: pytest.CaptureFixture[str]) -> None:
    ends: tuple[dict[str, ParameterValue], ...] = (
        {"lr": 1e-4, "depth": 1.0, "model": "small"},
        {"lr": 1.0, "depth": 6.0, "model": "large"},
    )
    save_job(earlier_job((*ends, ends[0])), Path("earlier/job.json"))

    assert main(["job", "--no-check", *JOB, *STUDY, *NARROW, *APP]) == 0

    printed = capfd.readouterr()
    assert "the best 3 earlier trials take up the whole search space, so nothing is narrowed" in printed.err
    assert "hydra-vertex-narrowed" not in printed.out


REFUSED = {
    "without an earlier study": (("--narrow",), "--narrow needs an earlier study; add --start-from"),
    "two trials": (
        ("--narrow", "--start-from", "two"),
        "--narrow: no source has 3 trials with a value in the search space, or points to try",
    ),
    "no such file": (("--narrow", "--start-from", "absent.json"), "No such file or directory"),
    "trials outside of the space": (("--narrow", "--start-from", "far"), "none of its 1 trials with a value lies in"),
}


COMMANDS = (
    ("check",),
    ("arguments", "--image", "i"),
    ("job", *JOB),
    ("submit", "pipeline.json", "--project", "p", *JOB),
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_narrow_a_space_is_refused(
    capsys: pytest.CaptureFixture[str], command: tuple[str, ...], case: str
) -> None:
    for name, rows in (("two", ROWS[:2]), ("far", ({**ROWS[0], "lr": 50.0},))):
        Path(name).mkdir()
        save_job(earlier_job(rows), Path(name, "job.json"))
    if command[0] == "submit":
        compile_pipeline(Path("pipeline.json"))
        command = (*command, "--location", "us-central1", "--api-endpoint", "http://127.0.0.1:9", "--no-check")
    given, says = REFUSED[case]

    assert main([*command, *STUDY, *given, *APP]) == 2

    assert says in capsys.readouterr().err.splitlines()[-1]


def test_several_objectives_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = [{"metricId": "val/loss", "goal": "MINIMIZE"}, {"metricId": "val/acc", "goal": "MAXIMIZE"}]
    parameter = {"parameterId": "lr", "doubleValueSpec": {"minValue": 0.1, "maxValue": 1.0}}
    Path("several.yaml").write_text(json.dumps({"studySpec": {"metrics": metrics, "parameters": [parameter]}}))

    assert main(["check", "--search", "several.yaml", *NARROW, *APP]) == 2

    assert "--start-from compares earlier trials by one metric" in capsys.readouterr().err


def test_a_later_study_says_what_it_was_narrowed_to(capfd: pytest.CaptureFixture[str]) -> None:
    job = dataclasses.replace(earlier_job(), labels=LABEL)
    save_job(job, Path("narrowed.json"))

    assert main(["report", "narrowed.json", "-o", "report.html"]) == 0

    page = " ".join(Path("report.html").read_text().split())
    assert "narrowed in 3 parameters to the best 3 trials of 1 earlier study (--narrow)" in page
