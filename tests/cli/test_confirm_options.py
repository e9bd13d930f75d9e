"""`--confirm` of `run` and `check`: what is refused, and what a run and its folder say about the repeats."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from hydra_vertex.cli.commands.confirm_options import confirmation_in
from hydra_vertex.job import save_job
from hydra_vertex.launcher.files.job_file import read_job
from launcher.confirm.repeats import make_repeats, make_study
from pipelines.apps import APP, CONFIG, Project, make_project

RUN = ("run", "--search", "search.yaml", "--trials", "3", "--parallel", "2", "--out", "out")
CONFIRM = ("--confirm", "2", "--repeats", "3", "--seed-key", "seed")
COMMAND = ("--", "python", "app.py")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project whose app has a seed, on which its metric depends."""
    project = make_project(tmp_path)
    project.write("app.py", APP.replace("config.model.penalty", "config.model.penalty + config.seed * 1e-6"))
    project.write("conf/config.yaml", f"{CONFIG}seed: 1\ntext_seed: one\nmaybe: null\n")
    return project


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--confirm", "2"), "--confirm needs --seed-key"),
        (("--repeats", "3"), "--repeats needs --confirm"),
        (("--seed-key", "seed"), "--seed-key needs --confirm"),
        (("--first-seed", "7"), "--first-seed needs --confirm"),
        (("--confirm", "0", "--seed-key", "seed"), "argument --confirm: '0': expected a whole number from 1"),
        (
            ("--confirm", "2", "--repeats", "1", "--seed-key", "seed"),
            "argument --repeats: '1': expected a whole number",
        ),
        (("--confirm", "4", "--seed-key", "seed"), "--confirm 4: the study has 3 trials; give at most as many"),
        (("--confirm", "2", "--seed-key", "se ed"), "argument --seed-key: 'se ed': expected a name"),
        (("--confirm", "2", "--seed-key", "seed=1"), "--confirm: seed key 'seed=1': expected a key"),
        (("--confirm", "2", "--seed-key", "lr"), "--seed-key lr: the search space has this key too"),
        (("--confirm", "2", "--seed-key", "+lr"), "--seed-key +lr: the search space has this key too"),
        (("--confirm", "2", "--seed-key", "sede"), "--seed-key sede: --sede=1000: the app's config has no key 'sede'"),
        (("--confirm", "2", "--seed-key", "+seed"), "--seed-key +seed: --+seed=1000: the app's config has the key"),
        (
            ("--confirm", "2", "--seed-key", "text_seed"),
            "--seed-key text_seed: the key's type is str; a seed needs int",
        ),
        (("--confirm", "2", "--seed-key", "sleep_s"), "--seed-key sleep_s: the key's type is float; a seed needs int"),
        (("--confirm", "2", "--seed-key", "model"), "--seed-key model: "),
        (
            ("--confirm", "2", "--seed-key", "seed", "--first-seed", "0"),
            "--seed-key seed: the study runs with seed = 1, which is one of the seeds 0 to 4",
        ),
    ],
)
def test_what_cannot_be_repeated_is_refused_before_anything_starts(
    project: Project, options: tuple[str, ...], message: str
) -> None:
    ended = project.hydra_vertex(*RUN, *options, *COMMAND)

    assert ended.code == 2
    assert f"hydra-vertex: {message}" in ended.stderr
    assert not (project.path / "out").exists()


@pytest.mark.parametrize("key", ["seed", "maybe", "+new_key", "++seed"])
def test_keys_that_take_a_whole_number_are_accepted_and_the_trials_are_counted(project: Project, key: str) -> None:
    options = ("--confirm", "2", "--seed-key", key, "--trials", "4", "--trial-duration", "1h", "--parallel", "1")
    ended = project.hydra_vertex("check", "--search", "search.yaml", *options, *COMMAND)

    assert ended.code == 0, ended.stderr
    assert f"then the best 2 again with 5 seeds each ({key.lstrip('+')} = 1000 to 1004): 10 further trials" in (
        ended.stdout
    )
    assert "expected: 14:00:00 wall-clock" in ended.stdout or "expected: 15:10:00 wall-clock" in ended.stdout
    assert "4 trials of 1:00:00, then 10 repeats" in ended.stdout


def test_a_run_repeats_its_best_configurations_and_all_results_say_so(project: Project) -> None:
    ended = project.hydra_vertex(*RUN, *CONFIRM, "--json", *COMMAND)

    assert ended.code == 0, ended.stderr
    result = json.loads(ended.stdout)
    found = result["confirmation"]
    out = project.path / "out"
    assert result["bestTrial"] == found["selectedTrial"]
    assert result["value"] == found["configurations"][0]["mean"]
    assert found["seeds"] == [1000, 1001, 1002]
    study = {trial.id: trial.objective("val/loss") for trial in read_job(out / "job.json").trials}
    for item in found["configurations"]:
        before = study[item["trial"]]
        assert before is not None
        assert item["values"] == pytest.approx({str(s): before + (s - 1) * 1e-6 for s in (1000, 1001, 1002)})
    head = [line for line in (out / "best.yaml").read_text().splitlines() if line.startswith("# ")]
    assert any("Confirmed with 3 seeds (seed = 1000 to 1002): trial" in line for line in head)
    assert head[-1] == "# The ranking is settled"
    assert "The ranking is settled" in (out / "report.html").read_text()
    assert {path.name for path in (out / "logs").iterdir()} == {
        *(f"trial-{number}.log" for number in (1, 2, 3)),
        *(f"confirmation-trial-{number}.log" for number in range(1, 7)),
    }
    again = project.hydra_vertex("best", "out", "-o", "again.yaml", *COMMAND)
    assert again.code == 0, again.stderr
    assert "The ranking is settled" in again.stdout
    assert (project.path / "again.yaml").read_text() == (out / "best.yaml").read_text()
    assert project.hydra_vertex("report", "out", "-o", "again.html").code == 0
    assert "The ranking is settled" in (project.path / "again.html").read_text()
    refused = project.hydra_vertex("best", "out/confirmation.json")
    assert refused.code == 2
    assert "repeats configurations of projects/local/locations/local/hyperparameterTuningJobs/1, and" in refused.stderr


def test_the_selected_trial_is_compared_with_the_defaults_also_when_another_has_a_better_value(
    project: Project,
) -> None:
    value = "config.model.penalty) * (1 if config.seed == 1 else -1)"
    project.write("app.py", APP.replace("return (math", "return ((math").replace("config.model.penalty", value))

    ended = project.hydra_vertex(*RUN, *CONFIRM, "--json", *COMMAND)

    assert ended.code == 0, ended.stderr
    result = json.loads(ended.stdout)
    study = {trial.id: trial.objective("val/loss") for trial in read_job(project.path / "out/job.json").trials}
    # The repeats have the opposite order.
    assert result["bestTrial"] == sorted(study, key=lambda id_: study[id_] or 0.0)[1]
    assert result["againstDefaults"]["bestTrial"] == result["bestTrial"]
    assert result["againstDefaults"]["bestValue"] == study[result["bestTrial"]]


def test_a_finished_run_is_repeated_later_without_another_study(project: Project) -> None:
    assert project.hydra_vertex(*RUN, *COMMAND).code == 0
    before = read_job(project.path / "out/job.json")
    assert not (project.path / "out/confirmation.json").exists()

    ended = project.hydra_vertex(*RUN, *CONFIRM, *COMMAND)

    assert ended.code == 0, ended.stderr
    assert read_job(project.path / "out/job.json") == before
    repeats = read_job(project.path / "out/confirmation.json")
    assert "The ranking is settled" in ended.stdout
    assert project.hydra_vertex(*RUN, *CONFIRM, *COMMAND).code == 0
    assert read_job(project.path / "out/confirmation.json") == repeats
    assert project.hydra_vertex(*RUN, *COMMAND).code == 0
    assert not (project.path / "out/confirmation.json").exists()
    assert {path.name for path in (project.path / "out/logs").iterdir()} == {f"trial-{n}.log" for n in (1, 2, 3)}


def test_repeats_that_are_older_than_the_best_trial_are_not_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = make_study([0.3, 0.2, 0.1])
    earlier = dataclasses.replace(study, trials=study.trials[:2])
    save_job(make_repeats(earlier, {"2": [0.2, 0.21]}), tmp_path / "confirmation.json")
    for job, is_used in ((earlier, True), (study, False)):
        save_job(job, tmp_path / "job.json")

        assert (confirmation_in(tmp_path / "job.json") is not None) == is_used

    assert "they are older than trial 3, which is among the best now" in capsys.readouterr().err
