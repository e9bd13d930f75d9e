"""The command in the image: relative to the app's folder, without paths of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from hydra_vertex.cli.sweeper.image_program import image_program, path_here, require_params_travel
from hydra_vertex.protocol.errors import CommandError, SearchSpaceError


@pytest.fixture
def python(tmp_path: Path) -> str:
    """Return the Python of an environment, which also has a command of the app."""
    (tmp_path / "venv").mkdir()
    for name in ("python", "python3.11", "train"):
        (tmp_path / "venv" / name).touch()
    return str(tmp_path / "venv" / "python3.11")


@pytest.fixture
def app(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    (folder / "data").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    return folder


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("train.py a=1", "python train.py a=1"),
        ("./train.py", "python train.py"),
        ("APP/train.py", "python train.py"),
        ("APP/pkg/train.py --config-dir conf", "python pkg/train.py --config-dir conf"),
        ("-m pkg.train a=1", "python -m pkg.train a=1"),
        ("-X dev -O train.py", "python -X dev -O train.py"),
        ("-X dev -m pkg.train", "python -X dev -m pkg.train"),
        ("VENV/train a=1", "train a=1"),
        ("train.py data=data/x", "python train.py data=data/x"),
    ],
)
def test_the_command_has_no_part_of_this_machine(python: str, app: Path, words: str, expected: str) -> None:
    program = words.replace("APP", str(app)).replace("VENV", str(Path(python).parent)).split()

    assert image_program((python, *program), app) == tuple(expected.split())


def test_a_python_without_the_usual_name_is_python3_or_refused(tmp_path: Path, app: Path) -> None:
    own = tmp_path / "bin" / "python3.11"
    own.parent.mkdir()
    with pytest.raises(CommandError, match="has no python or python3"):
        image_program((str(own), "train.py"), app)
    (own.parent / "python3").touch()

    assert image_program((str(own), "train.py"), app) == ("python3", "train.py")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["../train.py"], r"\.\./train\.py is outside of the working directory"),
        (["ROOT/elsewhere/train.py"], "is outside of the working directory"),
        (["train.py", "data=ROOT/elsewhere"], "data: .*elsewhere is a path of this machine"),
        (["train.py", "+data.dirs=[a,ROOT/elsewhere]"], r"\+data\.dirs: .*elsewhere is a path"),
        (["train.py", "--config-dir=ROOT/elsewhere"], "--config-dir: .*elsewhere is a path"),
        (["train.py", "-cd", "ROOT/elsewhere"], "elsewhere is a path of this machine"),
        (["train.py", "hydra.searchpath=[file://ROOT/elsewhere]"], "hydra.searchpath: .*elsewhere is a path"),
        (["train.py", "data=../elsewhere/"], "data: ../elsewhere/ is a path"),
        (["train.py", "hydra.sweep.subdir=x"], "hydra.sweep.subdir: the output of a trial on Vertex AI is in the"),
        (["-O", "VENV/train"], "train is an installed command, for which python takes no options"),
    ],
)
def test_what_cannot_travel_is_refused_by_name(
    python: str, app: Path, tmp_path: Path, words: list[str], named: str
) -> None:
    typed = [word.replace("ROOT", str(tmp_path)).replace("VENV", str(Path(python).parent)) for word in words]

    with pytest.raises(CommandError, match=named):
        image_program((python, *typed), app)


@pytest.mark.parametrize(
    "text",
    [
        "a=1/2",
        "data=/not/on/this/machine",
        "data=/gcs/bucket/x",
        "data=gs://usr/lib",
        "url=https://host/usr/lib",
        "data=${hydra:runtime.cwd}/usr",
        "data=${oc.env:HOME}/usr",
        "tmp=/tmp",
        "shm=/dev/shm/",
        "root=/",
        "text='a/usr/lib'",
        "~lr",
        "data=~/no-such-folder",
        "x=/" + "a" * 5000,
        "",
    ],
)
def test_a_text_without_a_path_of_this_machine_travels(text: str, tmp_path: Path) -> None:
    assert path_here(text, tmp_path / "app") == ""


@pytest.mark.parametrize("text", ["a=/usr/lib", "a={b:/usr/lib}", "a='/usr/lib'", "[x,/usr/lib/]", "choice(/usr/lib)"])
def test_a_path_of_this_machine_is_found_in_every_form_of_a_value(text: str, tmp_path: Path) -> None:
    assert path_here(text, tmp_path).rstrip("/") == "/usr/lib"


def test_a_path_in_the_search_space_is_refused_with_its_key(tmp_path: Path) -> None:
    require_params_travel({"params": {"lr": "interval(0, 1)", "n": 3, "data": ["a", {"b": "c"}]}}, tmp_path)
    require_params_travel({}, tmp_path)
    for value in ("choice(a,/usr/lib)", ["a", "/usr/lib"], {"b": "/usr/lib"}):
        with pytest.raises(SearchSpaceError, match=r"hydra\.sweeper\.params\.data: /usr/lib is a path of this machine"):
            require_params_travel({"params": {"data": value}}, tmp_path)
