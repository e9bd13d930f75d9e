"""`hydra-vertex tune`: one tuning job of a service elsewhere, here the embedded one at its URL, in a folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from hydra_vertex.cli.commands.output_folder import typed_again
from hydra_vertex.cli.main import main
from hydra_vertex.pipelines.local.run_lock import locked
from pipelines.apps import Project, make_project
from service.harness import start

APP = ("--", "python", "app.py")
WHERE = ("--project", "p", "--location", "europe-west4", "--root", "gs://b/runs", "--image", "gcr.io/p/i:1")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def url(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    # The trials start in the folder of the service, as in the working directory of an image.
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.path)
        service = start(tmp_path_factory.mktemp("service") / "studies")
    with service:
        yield service.url


def names(url: str) -> list[str]:
    place = f"{url}/v1/projects/p/locations/europe-west4/hyperparameterTuningJobs"
    answer = httpx.get(place, trust_env=False).json()
    return [job["name"] for job in answer.get("hyperparameterTuningJobs", [])]


def test_the_folder_has_the_result_and_the_repeats_are_a_second_job(project: Project, url: str) -> None:
    text = (project.path / "search.yaml").read_text()
    project.write("without_depth.yaml", "".join(line for line in text.splitlines(True) if "depth" not in line))
    repeats = ("--confirm", "1", "--repeats", "2", "--seed-key", "depth")

    ended = project.hydra_vertex(
        *("tune", *WHERE, "--endpoint", url, "--search", "without_depth.yaml", "--trials", "1", "--parallel", "1"),
        *("--out", "runs/one", *repeats, *APP),
    )

    assert ended.code == 0, ended.stderr
    folder = project.path / "runs/one"
    assert {"job.json", "best.yaml", "overrides.txt", "report.html", "plan.json"} <= {p.name for p in folder.iterdir()}
    assert (folder / "config/experiment/best.yaml").read_text() == (folder / "best.yaml").read_text()
    study, repeated = (json.loads((folder / name).read_text()) for name in ("job.json", "confirmation.json"))
    assert sorted(names(url)) == sorted([study["name"], repeated["name"]])
    assert repeated["maxTrialCount"] == 2
    assert "not retrained" in ended.stdout
    assert not (folder / "model").exists()
    assert "model      gs://b/runs/" in ended.stdout


@pytest.fixture
def in_project(project: Project, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(project.path)
    return project.path


def refused(capsys: pytest.CaptureFixture[str], *options: str, app: tuple[str, ...] = APP) -> str:
    code = main(["tune", *WHERE, "--search", "search.yaml", "--no-check", *options, *app])

    assert code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--strategy", "spot,on-demand"), "--strategy: a job has one strategy"),
        (("--metric-threshold", "1", "--on-missed-threshold", "skip-retraining"), "--on-missed-threshold decides"),
        (("--endpoint", "nowhere"), "--endpoint nowhere: expected a URL, such as http://127.0.0.1:8080"),
        (("--endpoint", "http://vertex.example"), "plain http is allowed only on this machine"),
        (("--location", "europe-west44"), "--location europe-west44: Vertex AI has no such region"),
        (("--start-from", "x.json"), "--start-from x.json: a tuning job of Vertex AI takes no earlier trials"),
        (("--root", "runs"), "--root runs: expected a folder in a bucket"),
        (("--trial-accelerator", "NVIDIA_L5"), "NVIDIA_L5"),
        (("--encryption-key", "projects/p/locations/us-east1/keyRings/r/cryptoKeys/k"), "it is in us-east1"),
        (("--max-cost", "3"), "--max-cost needs --hourly-price"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_is_sent(
    in_project: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], named: str
) -> None:
    assert named in refused(capsys, *options)


@pytest.mark.parametrize("missing", ["--project", "--location", "--root"])
def test_a_place_that_is_missing_is_named(missing: str, capsys: pytest.CaptureFixture[str]) -> None:
    at = WHERE.index(missing)

    with pytest.raises(SystemExit) as ended:
        main(["tune", *WHERE[:at], *WHERE[at + 2 :], "--search", "search.yaml", *APP])

    assert ended.value.code == 2
    assert f"required: {missing}" in capsys.readouterr().err


def test_an_image_that_is_missing_is_named(in_project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune", *WHERE[:-2], "--search", "search.yaml", *APP]) == 2
    assert "--image is missing" in capsys.readouterr().err


def plan_in(folder: Path, **changes: object) -> None:
    """Write the plan of an earlier start, as `--trials 3` makes it, with changes."""
    folder.mkdir(parents=True)
    counts = {"max_trial_count": 3, "parallel_trial_count": 2, "max_failed_trial_count": 0}
    (folder / "plan.json").write_text(json.dumps({**counts, **changes}))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"max_trial_count": 9}, "its tuning job has other numbers (max_trial_count 9, now 3)"),
        ({"display_name": "another"}, "has another study (different: "),
    ],
)
def test_a_folder_of_another_job_is_refused(
    in_project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, object], named: str
) -> None:
    plan_in(tmp_path / "out", **changes)

    assert named in refused(capsys, "--trials", "3", "--out", str(tmp_path / "out"))


def test_a_second_start_in_the_same_folder_is_refused_while_the_first_one_runs(
    in_project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with locked(tmp_path / "out"):
        assert "is in use by another run" in refused(capsys, "--out", str(tmp_path / "out"))


@pytest.mark.parametrize(
    ("typed", "again"),
    [
        (["tune", "--", "python", "a.py"], "hydra-vertex tune --out /r/x -- python a.py"),
        (["tune", "--out", "y"], "hydra-vertex tune --out y"),
        (["tune", "--out=y", "--", "a", "--out"], "hydra-vertex tune --out=y -- a --out"),
        (["run", "--", "a", "--out", "z"], "hydra-vertex run --out /r/x -- a --out z"),
    ],
)
def test_the_command_that_goes_on_names_the_folder(typed: list[str], again: str) -> None:
    assert typed_again(typed, Path("/r/x")) == again
