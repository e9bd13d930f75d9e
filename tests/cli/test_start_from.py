"""`--start-from`: earlier studies of every kind of source, what is said, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import optuna
import pytest

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
    StudySpec,
    Trial,
    TrialJobSpec,
    TrialState,
    save_job,
)
from hydra_vertex.launcher.files.job_file import read_job
from pipelines.apps import Project, make_project

APP = ("--", "python", "app.py")
STUDY = ("--search", "search.yaml")
TARGET = ("--project", "p", "--location", "l", "--root", "gs://b/r", "--image", "i")
BEST: dict[str, ParameterValue] = {"lr": 0.0101, "depth": 3.0, "model": "small"}
SPEC = StudySpec(
    (MetricSpec("val/loss", Goal.MINIMIZE),),
    (
        ParameterSpec("lr", DoubleRange(1e-4, 1.0)),
        ParameterSpec("depth", IntegerRange(1, 6)),
        ParameterSpec("model", Categorical(("small", "large"))),
    ),
)


def earlier_job() -> HyperparameterTuningJob:
    rows: list[tuple[dict[str, ParameterValue], float]] = [
        ({"lr": 0.5, "depth": 5.0, "model": "large"}, 4.0),
        (BEST, 0.01),
        ({**BEST, "depth": 1.0}, 2.0),
    ]
    trials = tuple(
        Trial(str(n), TrialState.SUCCEEDED, parameters, final_measurement=Measurement({"val/loss": value}))
        for n, (parameters, value) in enumerate(rows, start=1)
    )
    return HyperparameterTuningJob("earlier", SPEC, TrialJobSpec(worker_pools=()), 3, 1, trials=trials)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    project = make_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    Path("earlier").mkdir()
    save_job(earlier_job(), Path("earlier/job.json"))
    study = optuna.create_study(storage="sqlite:///sweep.db", study_name="sweep")
    study.add_trial(
        optuna.trial.create_trial(
            value=0.5, params={"lr": 0.02}, distributions={"lr": optuna.distributions.FloatDistribution(1e-3, 0.1)}
        )
    )
    Path("best.yaml").write_text("# @package _global_\n\ndefaults:\n- override /model: large\nlr: 0.02\ndepth: 2\n")
    Path("far.yaml").write_text("lr: 50\n")
    Path("other.yaml").write_text("momentum: 0.9\n")
    return project


def test_a_run_tries_the_best_earlier_trial_and_goes_on_without_the_source(project: Project) -> None:
    run = ("run", *STUDY, "--no-retrain", "--out", "run")

    first = project.hydra_vertex(*run, "--trials", "3", "--start-from", "earlier", *APP)
    assert first.code == 0, first.stderr
    assert "earlier: 3 of 3 trials lie in the search space" in first.stderr
    assert read_job(Path("run/job.json")).trials[1].parameters == pytest.approx(BEST)

    Path("earlier/job.json").write_text("{}")
    more = project.hydra_vertex(*run, "--trials", "4", "--start-from", "earlier", *APP)
    assert more.code == 0, more.stderr
    assert "the earlier studies are those with which the run began" in more.stderr
    assert len(read_job(Path("run/job.json")).trials) == 4

    without = project.hydra_vertex(*run, "--trials", "4", *APP)
    assert without.code == 2
    assert "has another study (different: labels)" in without.stderr


def test_check_says_what_of_each_source_is_used(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    sources = ("earlier/job.json", "earlier", "sqlite:///sweep.db", "sweep.db", "best.yaml")
    options = [word for source in sources for word in ("--start-from", source)]

    assert main(["check", *STUDY, *options, *APP]) == 0

    out = capsys.readouterr().out
    for source, count in zip(sources, (3, 3, 1, 1, 1), strict=True):
        assert f"{source}: {count} of {count} trials lie in the search space" in out
    assert "sweep.db: has no depth, model; its points get the default of the search space, or the middle" in out
    assert "lr: from 0.0101 to 0.5 in the best 6 earlier trials" in out


def test_one_of_several_studies_is_chosen_by_its_name(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    optuna.create_study(storage="sqlite:///sweep.db", study_name="empty")

    assert main(["check", *STUDY, "--start-from", "sweep.db", *APP]) == 2
    assert "choose one with --start-from sweep.db#NAME: empty, sweep" in capsys.readouterr().err
    for source in ("sweep.db#sweep", "sqlite:///sweep.db#sweep"):
        assert main(["check", *STUDY, "--start-from", source, *APP]) == 0
        assert f"{source}: 1 of 1 trials lie in the search space" in capsys.readouterr().out


def test_a_secret_in_a_source_is_not_shown(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    source = "password=hunter22.json"
    save_job(earlier_job(), Path(source))

    assert main(["check", *STUDY, "--start-from", source, *APP]) == 0

    printed = capsys.readouterr()
    assert "password=***: 3 of 3 trials lie in the search space" in printed.out
    assert "hunter22" not in printed.out + printed.err


def test_check_has_the_notices_and_ranges_in_its_document(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json", *STUDY, "--start-from", "earlier", *APP]) == 0

    document = json.loads(capsys.readouterr().out)
    assert "earlier: 3 of 3 trials lie in the search space" in document["notices"]
    assert document["earlierRanges"][1].startswith("depth: from 1 to 5 in the best 3 earlier trials")


@pytest.mark.parametrize("command", ["check", "run"])
@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("absent.json", "No such file or directory"),
        ("far.yaml", "none of its 1 trials with a value lies in the search space"),
        ("other.yaml", "sets none of the parameters of the search space (lr, depth, model)"),
        ("conf", "is a folder without job.json"),
        ("sqlite:///absent.db", "there is no file absent.db"),
        ("app.py", "app.py"),
        ("", "is empty"),
    ],
)
def test_a_source_that_cannot_be_used_is_refused_before_anything_starts(
    project: Project, capsys: pytest.CaptureFixture[str], command: str, source: str, says: str
) -> None:
    options = ("--out", "run") if command == "run" else ()

    assert code_of([command, *STUDY, *options, "--start-from", source, *APP]) == 2

    line = capsys.readouterr().err.splitlines()[-1]
    assert says in line
    assert not Path("run").exists()


def test_a_search_without_a_model_is_refused(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    text = (
        Path("search.yaml")
        .read_text()
        .replace("  sweeper:", "  sweeper:\n    sampler: {_target_: optuna.samplers.RandomSampler}")
    )
    Path("search.yaml").write_text(text)

    assert main(["check", *STUDY, "--start-from", "earlier", *APP]) == 2

    assert "RANDOM_SEARCH, which uses no earlier trials" in capsys.readouterr().err


def test_a_study_with_several_metrics_is_refused(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    metrics = [{"metricId": "val/loss", "goal": "MINIMIZE"}, {"metricId": "val/acc", "goal": "MAXIMIZE"}]
    parameter = {"parameterId": "lr", "doubleValueSpec": {"minValue": 0.1, "maxValue": 1.0}}
    Path("two.yaml").write_text(json.dumps({"studySpec": {"metrics": metrics, "parameters": [parameter]}}))

    assert main(["check", "--search", "two.yaml", "--start-from", "earlier", *APP]) == 2

    assert (
        "--start-from compares earlier trials by one metric, and the study has several objectives (val/loss, val/acc)"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize("command", [("submit", "pipeline.json", *TARGET), ("job", "--image", "i")])
def test_a_study_on_vertex_refuses_the_option_and_names_the_next_step(
    project: Project, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    assert main([*command, *STUDY, "--start-from", "earlier", *APP]) == 2

    line = capsys.readouterr().err
    assert "a tuning job of Vertex AI takes no earlier trials and no first points" in line
    assert "add --narrow" in line
    assert "hydra-vertex check --start-from" in line


def code_of(arguments: list[str]) -> int:
    try:
        return main(arguments)
    except SystemExit as exit_:
        return int(str(exit_.code))
