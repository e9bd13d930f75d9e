"""Runs the commands of each page in their order, and compares what they print with what the page shows.

A page with an app in full is followed in a folder with the files of the page; the others in a copy of `sample/` with a
finished study, and there the number of trials of `hydra-vertex run` is at most `MOST_TRIALS`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT
from docs.commands import Command, commands_of, exit_code_of, files_of, folder_of, pages
from pipelines.apps import environment

ALL = os.environ.get("DOCUMENTED_COMMANDS") == "all"
"""Whether the commands with the mark `nightly` are run too."""
MOST_TRIALS = 2
LIMIT_S = 300.0
SAMPLE = Path(__file__).parent / "sample"


def is_run_here(command: Command) -> bool:
    return not command.mark or command.mark.startswith("exit code ") or (ALL and command.mark == "nightly")


PAGES = [page for page in pages() if any(is_run_here(command) for command in commands_of(page))]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample app with a finished study in runs/docs, and that study as a storage of Optuna."""
    folder = tmp_path_factory.mktemp("sample") / "app"
    shutil.copytree(SAMPLE, folder)
    shell(folder, "hydra-vertex run --search search.yaml --out runs/docs -- python train.py")
    shell(folder, "hydra-vertex export runs/docs --optuna sweep.db --study mnist")
    shutil.copyfile(folder / "runs/docs/job.json", folder / "job.json")
    shutil.copyfile(folder / "runs/docs/best.yaml", folder / "conf/experiment/best.yaml")
    return folder


@pytest.fixture
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The folder in which a page's commands begin."""
    page: Path = request.node.callspec.params["page"]
    place = tmp_path / "app"
    if named := folder_of(page):
        shutil.copytree(ROOT / named, place, ignore=shutil.ignore_patterns("__pycache__", "runs"))
    elif page.is_relative_to(ROOT / "examples"):
        shutil.copytree(ROOT / "examples", place / "examples")
    elif is_self_contained(page):
        place.mkdir()
    else:
        shutil.copytree(request.getfixturevalue("sample"), place)
    for name, text in files_of(page).items():
        place.joinpath(name).parent.mkdir(parents=True, exist_ok=True)
        place.joinpath(name).write_text(text)
    return place


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_can_be_followed(page: Path, folder: Path) -> None:
    here = folder
    for command in commands_of(page):
        if is_run_here(command):
            text = command.text if is_self_contained(page) or folder_of(page) else with_fewer_trials(command.text)
            printed, here = shell(here, text, exit_code_of(command))
            assert missing_lines(command.output, printed) == [], f"{command.page}:{command.line} printed\n{printed}"


def is_self_contained(page: Path) -> bool:
    """Whether the page has an app of its own, in full."""
    return any(name.endswith(".py") for name in files_of(page))


def shell(folder: Path, command: str, exit_code: int = 0) -> tuple[str, Path]:
    """Run a line as a reader types it. Returns what it printed, and the folder that the shell is in afterwards."""
    bin_folder = Path(sys.executable).parent
    environ = {**environment(), "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"}
    script = f"{command}\ncode=$?; pwd >&3; exit $code"
    reading, writing = os.pipe()
    with os.fdopen(reading) as place:
        ended = subprocess.run(
            ["bash", "-c", f"exec 3>&{writing}; {script}"],
            cwd=folder,
            env=environ,
            pass_fds=(writing,),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT_S,
        )
        os.close(writing)
        assert ended.returncode == exit_code, f"{command}\n{ended.stdout[-4000:]}"
        return ended.stdout, Path(place.read().strip())


def with_fewer_trials(command: str) -> str:
    """A run with at most `MOST_TRIALS` trials, repeats and trials at once. Other commands stay as they are."""
    if not command.startswith("hydra-vertex run "):
        return command
    number = re.compile(r"--(trials|parallel|repeats|confirm) (\d+)")
    return number.sub(lambda found: f"--{found[1]} {min(int(found[2]), MOST_TRIALS)}", command)


def missing_lines(shown: str, printed: str) -> list[str]:
    """The lines that a page shows and the command did not print. Numbers may differ, and `…` stands for anything."""
    lines = {plain(line) for line in printed.splitlines()}
    patterns = [(line, re.escape(plain(line)).replace("…", ".*")) for line in shown.splitlines() if line.strip()]
    return [line for line, pattern in patterns if not any(re.fullmatch(pattern, each) for each in lines)]


def plain(line: str) -> str:
    """A line with one space between words, and one sign for each number."""
    return re.sub(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?", "N", " ".join(line.split()))


@pytest.mark.parametrize(
    ("shown", "missing"),
    [
        ("trial 7 is the best: 0.25", []),
        ("trial  7 is\n", ["trial  7 is"]),
        ("trial 7 …", []),
        ("…\n", []),
        ("trial N is the worst", ["trial N is the worst"]),
    ],
)
def test_a_page_that_shows_other_lines_is_found(shown: str, missing: list[str]) -> None:
    assert missing_lines(shown, "before\ntrial 12 is the best: 1e-05\n") == missing


def test_a_page_may_change_the_folder(tmp_path: Path) -> None:
    tmp_path.joinpath("inner").mkdir()

    assert shell(tmp_path, "cd inner; false", 1)[1] == tmp_path / "inner"


def test_the_trials_of_a_run_are_limited() -> None:
    shorter = with_fewer_trials("hydra-vertex run --trials 24 --repeats 1 --confirm 3 -- python a.py")

    assert shorter == "hydra-vertex run --trials 2 --repeats 1 --confirm 2 -- python a.py"
    assert with_fewer_trials("hydra-vertex check --trials 24") == "hydra-vertex check --trials 24"
