from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from hydra_vertex.cli.sweeper.folder import NOW, SweepFolder, folder_of, without_time
from hydra_vertex.protocol.errors import OutputError

MINE = {"command": ["python", "app.py"], "config": "1"}
PATTERN = f"multirun/{NOW}/{NOW}"


@pytest.fixture(autouse=True)
def working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def make(name: str, identity: object = MINE, *, state: str = "", is_finished: bool = False, age_s: int = 0) -> Path:
    folder = SweepFolder(Path.cwd() / name)
    folder.study.mkdir(parents=True)
    folder.identity.write_text(json.dumps(identity))
    os.utime(folder.identity, (1_000_000 - age_s, 1_000_000 - age_s))
    if state:
        folder.study.joinpath("job.json").write_text(json.dumps({"state": state}))
    if is_finished:
        folder.results.write_text("name: vertex\n")
    return folder.path


def found(pattern: str = PATTERN) -> Path:
    return folder_of(Path("multirun/day/now"), pattern, MINE).path


NEW = Path("multirun/day/now")


def test_without_an_earlier_sweep_the_folder_is_that_of_the_config() -> None:
    assert found() == NEW.absolute()


def test_the_newest_unfinished_sweep_of_the_same_command_goes_on() -> None:
    make("multirun/day/1", age_s=9)
    newest = make("multirun/day/2", state="JOB_STATE_RUNNING", age_s=1)
    make("multirun/day/3", age_s=5)

    assert found() == newest
    assert found(f"{Path.cwd()}/multirun/{NOW}/{NOW}") == newest


@pytest.mark.parametrize("state", ["JOB_STATE_FAILED", "JOB_STATE_EXPIRED"])
def test_a_sweep_that_has_failed_does_not_go_on(state: str) -> None:
    make("multirun/day/1", state=state)

    assert found() == NEW.absolute()


@pytest.mark.parametrize("state", ["JOB_STATE_CANCELLED", "JOB_STATE_CANCELLING"])
def test_a_cancelled_job_elsewhere_does_not_go_on_and_a_stopped_study_on_this_machine_does(state: str) -> None:
    elsewhere = {**MINE, "endpoint": "vertex"}
    make("multirun/day/1", elsewhere, state=state)
    here = make("multirun/day/2", state=state)

    assert folder_of(Path("multirun/day/now"), PATTERN, elsewhere).path == NEW.absolute()
    assert found() == here


def test_a_finished_sweep_one_of_another_command_and_an_unreadable_one_do_not_go_on() -> None:
    make("multirun/day/1", is_finished=True, state="JOB_STATE_SUCCEEDED")
    make("multirun/day/2", {**MINE, "config": "2"})
    (make("multirun/day/3") / "sweep.json").write_text("{")

    assert found() == NEW.absolute()


def test_only_the_time_may_differ() -> None:
    make("multirun/day/1")

    assert found("multirun/day/now") == NEW.absolute()
    assert found(f"multirun/other/{NOW}") == NEW.absolute()


def test_characters_of_patterns_in_a_folder_name_are_plain() -> None:
    folder = make("runs[1]*/a")

    assert folder_of(Path("runs[1]*/b"), f"runs[1]*/{NOW}", MINE).path == folder
    assert folder_of(Path("runs1*/b"), f"runs1*/{NOW}", MINE).path == Path("runs1*/b").absolute()


def test_the_folder_of_the_config_goes_on_finished_or_not() -> None:
    folder = make("fixed", is_finished=True)

    assert folder_of(Path("fixed"), "fixed", MINE).path == folder


def test_the_folder_of_another_command_is_refused_with_what_differs() -> None:
    make("fixed", {**MINE, "config": "2", "seed": 3})

    with pytest.raises(OutputError, match=r"has the sweep of another command \(different: config, seed\)"):
        folder_of(Path("fixed"), "fixed", MINE)


def test_every_time_is_replaced() -> None:
    assert without_time("${a}/${now:%Y-%m-%d}/x_${now:%H-%M-%S}") == f"${{a}}/{NOW}/x_{NOW}"
