"""Every number, name and file of a command line: an invalid one gives exit code 2 and one line."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from hydra_vertex.cli.main import main
from pipelines.apps import Project, make_project

APP = ("--", "python", "app.py")
STUDY = ("--search", "search.yaml")
TARGET = ("--project", "p", "--location", "l", "--root", "gs://b/r", "--image", "i")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = make_project(tmp_path_factory.mktemp("project"))
    (project.path / "folder").mkdir()
    (project.path / "empty.yaml").write_text("")
    (project.path / "empty.json").write_text("")
    (project.path / "latin.yaml").write_bytes(b"hydra: caf\xe9")
    (project.path / "latin.json").write_bytes(b'{"a": "caf\xe9"}')
    os.mkfifo(project.path / "pipe.yaml")
    os.mkfifo(project.path / "pipe.json")
    return project


def refusal(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> str:
    """Run a command and return its stderr; checks that it is one line and that the exit code is 2."""
    monkeypatch.chdir(project.path)
    before = sorted(project.path.rglob("*"))
    try:
        code = main(arguments)
    except SystemExit as ended:
        code = int(str(ended.code))
    printed = capsys.readouterr()
    assert code == 2, printed.err
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1, printed.err
    assert printed.err.startswith("hydra-vertex: ")
    assert printed.err.rstrip("\n").isprintable()
    assert sorted(project.path.rglob("*")) == before
    return printed.err


NUMBERS = {
    "--trials": ("-1", "0", "2147483648", "1e3", "1.5", "many", "", "9" * 5000, "\uff11\uff12"),
    "--parallel": ("-1", "0", "2147483648", "inf"),
    "--trial-timeout": ("-1", "0", "nan", "inf", "-inf", "1e309", "1e300", "soon", "", "1e-9"),
    "--max-failed-trials": ("-1", "2147483648", "none"),
    "--trials-per-gpu": ("0", "-1", "half"),
    "--trial-memory": ("0", "-1GiB", "nan", "lots"),
    "--trial-nice": ("-1", "20", "x"),
}
NAMES = {
    "--name": ("", "  ", "a\nb", "a\x1b[2Jb", "a\u202eb", "n" * 129, "caf\udce9"),
    "--monitor": ("", "a b", "a\tb", "a\x1b]8;;x\x07b", "\udce9"),
    "--retrain": ("", "x=caf\udce9"),
    "--search": ("", "caf\udce9.yaml"),
    "--early-stopping": ("mean", "\x1b[2J"),
}


@pytest.mark.parametrize(
    ("option", "value"), [(option, value) for option, values in {**NUMBERS, **NAMES}.items() for value in values]
)
def test_an_invalid_number_or_name_is_refused_with_the_name_of_its_option(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    given = (f"{option}={value}",) if option == "--search" else (*STUDY, f"{option}={value}")

    assert option in refusal(project, monkeypatch, capsys, "run", *given, "--out", "out", *APP)


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("nothing.yaml", "no such search file"),
        ("folder", "is a folder, not a regular file"),
        ("pipe.yaml", "is a pipe, not a regular file"),
        ("/dev/zero", "is a device, not a regular file"),
        ("latin.yaml", "not UTF-8 text"),
        ("empty.yaml", "expected a YAML mapping with hydra.sweeper.params, got None"),
        ("app.py", "not YAML"),
        ("nowhere/search.yaml", "the folder nowhere does not exist either"),
        ("s" * 300, "File name too long"),
    ],
)
@pytest.mark.parametrize("command", ["check", "run", "submit"])
def test_an_invalid_search_file_is_named(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    file: str,
    says: str,
) -> None:
    more = ("pipeline.json", *TARGET) if command == "submit" else ()
    line = refusal(project, monkeypatch, capsys, command, *more, "--search", file, *APP)

    assert says in line
    assert file[:100] in line


FILES = {
    "nothing.json": "No such file or directory",
    "folder": "is a folder, not a regular file",
    "pipe.json": "is a pipe, not a regular file",
    "/dev/zero": "is a device, not a regular file",
    "latin.json": "not UTF-8 text",
    "empty.json": "not JSON",
}


JOB_FILES = {**FILES, "folder": "is a folder without job.json, and no run is in progress in it"}


@pytest.mark.parametrize("file", JOB_FILES)
@pytest.mark.parametrize("command", ["best", "report", "status", "watch", "cancel"])
def test_an_invalid_job_file_is_named(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str, file: str
) -> None:
    line = refusal(project, monkeypatch, capsys, command, file)

    assert JOB_FILES[file] in line
    assert file in line
    assert line.endswith("give the job.json of a run\n")


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("command", ["run", "submit"])
def test_an_invalid_pipeline_file_is_named(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str, file: str
) -> None:
    given = ("--pipeline", file) if command == "run" else (file, *TARGET)
    line = refusal(project, monkeypatch, capsys, command, *given, *STUDY, *APP)

    assert FILES[file].replace("JSON", "") in line
    assert file in line


def test_a_pipeline_that_kfp_cannot_load_is_refused_before_anything_is_started(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["project", "location", "api_endpoint", "display_name", "app_command", "study_spec", "trial_job_spec"]
    names += ["max_trial_count", "parallel_trial_count", "max_failed_trial_count", "metric", "retrain_overrides"]
    parameters = {name: {"parameterType": "STRING"} for name in (*names, "labels", "monitor", "sweeps")}
    root = {"inputDefinitions": {"parameters": parameters}, "dag": 3}
    file = tmp_path / "p.json"
    file.write_text(json.dumps({"pipelineInfo": {"name": "p"}, "schemaVersion": "2.1.0", "root": root}))

    line = refusal(project, monkeypatch, capsys, "run", "--pipeline", str(file), *STUDY, *APP)

    assert f"{file}: kfp cannot load the pipeline" in line


@pytest.mark.parametrize(
    "arguments",
    [
        ("compile", "-o", "p.json", "--accelerator-count=0"),
        ("compile", "-o", "p.json", "--accelerator-count=-1", "--accelerator", "NVIDIA_L4"),
        ("compile", "-o", "p.json", "--machine-type="),
        ("compile", "-o", "p.json", "--image=a b"),
        ("compile", "-o", "p.json", "--cpu=\x1b[2J"),
        ("compile", "-o", "p.json", "--memory=-1"),
        ("compile", "-o", ""),
        ("compile", "-o", "folder"),
        ("compile", "-o", "app.py/p.json"),
        ("submit", "p.json", *TARGET, "--trial-accelerator-count=0", *STUDY, *APP),
        ("submit", "p.json", *TARGET, "--project=a b", *STUDY, *APP),
        ("submit", "p.json", *TARGET, "--root=", *STUDY, *APP),
        ("submit", "p.json", *TARGET, "--location=\x1b", *STUDY, *APP),
        ("best",),
        ("best", ""),
        ("report", "x", "-o", ""),
        ("serve", "--token-file", "pipe.json"),
        ("serve", "--token-file", "/dev/zero"),
        ("serve", "--token-file", "folder"),
        ("serve", "--port", "http"),
        ("serve", "--dir", ""),
        ("serve", "--dir", "app.py"),
        ("serve", "--max-parallel", "0"),
        ("run", "--out", "", *STUDY, *APP),
        ("run", "--ou", "x", *STUDY, *APP),
        ("run", "--search", *APP),
        ("check", *STUDY, "\x1b[31mred", *APP),
        ("chekc",),
        (),
    ],
    ids=" ".join,
)
def test_an_invalid_command_line_is_refused_in_one_line(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
) -> None:
    assert refusal(project, monkeypatch, capsys, *arguments) != ""


@pytest.mark.parametrize("option", ["--port=99999", "--port=-1", "--grpc-port=99999"])
def test_an_invalid_port_is_refused(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    assert option.partition("=")[0] in refusal(project, monkeypatch, capsys, "serve", "--dir", str(tmp_path), option)


def test_more_parallel_trials_than_trials_are_refused(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refusal(project, monkeypatch, capsys, "check", *STUDY, "--trials", "2", "--parallel", "3", *APP)

    assert "3 parallel trials of 2 in total" in line


def test_an_argument_of_the_app_that_is_not_unicode_is_refused(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert r"'note=caf\udce9' is not Unicode" in refusal(
        project, monkeypatch, capsys, "check", *STUDY, *APP, "note=caf\udce9"
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--monitor", "trial"), "--monitor is 'trial', a field of the metric file's records"),
        (("--retrain", "depht=2"), "depht"),
        (("--retrain", "depth=(("), "depth=(("),
    ],
)
def test_options_that_only_the_trial_side_can_check_are_checked_before_anything_is_launched(
    project: Project, tmp_path: Path, options: tuple[str, ...], says: str
) -> None:
    ended = project.hydra_vertex("run", *STUDY, *options, "--out", str(tmp_path / "out"), *APP)

    assert ended.code == 2
    assert says in ended.stderr.splitlines()[-1]
    assert ended.stderr.splitlines()[0].startswith("checking ")
    assert len(ended.stderr.splitlines()) == 2
    assert not (tmp_path / "out").exists()


def test_an_output_file_that_cannot_be_written_is_named(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from hydra_vertex.job import save_job
    from launcher.jobs import make_job, make_trial

    save_job(make_job([make_trial(1, 2.0, parameters={"lr": 0.1})]), tmp_path / "job.json")
    job = str(tmp_path / "job.json")

    for target in ("folder", "app.py/best.yaml", "/proc/best.yaml"):
        line = refusal(project, monkeypatch, capsys, "best", job, "-o", target, *APP)
        assert f"{target}: the experiment file cannot be written" in line
        line = refusal(project, monkeypatch, capsys, "report", job, "-o", target)
        assert f"{target}: the report cannot be written" in line
