"""Recognising the programs that start an app, and separating parameters and overrides from their own words."""

from __future__ import annotations

from pathlib import Path

import pytest

from hydra_vertex.protocol.errors import CommandError
from hydra_vertex.trial.command.wrapper_words import (
    check_hook_is_read,
    is_wrapper,
    not_passed_on,
    override_tail,
    program_words,
    python_path,
    split_flags,
    split_parameters,
    with_hook_on_path,
)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("python train.py lr=1", False),
        ("python train.py", False),
        ("python -m pkg.train -m lr=1,2", False),
        ("python -W error -O train.py", False),
        ("my-train experiment=train.py", False),
        ("my-train -cn train", False),
        ("torchrun --nproc-per-node 2 train.py", True),
        ("torchrun -m pkg.train", True),
        ("/opt/bin/accelerate launch -m pkg.train", True),
        ("uv run train", True),
        ("python -m torch.distributed.run -m pkg.train", True),
        ("python -u -m coverage run train.py", True),
        ("python launch.py train.py lr=1", True),
        ("python launch.py python3 -m pkg.train", True),
        ("my-launch train.py", True),
    ],
)
def test_a_python_program_that_names_another_one_starts_the_app(
    command: str, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("train.py", "launch.py"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert is_wrapper(command.split()) is expected


@pytest.mark.parametrize(
    ("words", "own_count", "parameters"),
    [
        (["./t.sh", "lr=1", "--a=1", "--b=x=y"], 0, ("--a=1", "--b=x=y")),
        (["torchrun", "--nproc-per-node=2", "t.py", "--a=1\n2"], 0, ("--a=1\n2",)),
        (["make", "--jobs=4", "--a=1"], 2, ("--a=1",)),
        (["make", "--jobs=4", "--a=1"], 0, ("--jobs=4", "--a=1")),
        (["./t.sh", "--flag"], 0, ()),
        (["--a=1"], 0, ()),
    ],
)
def test_the_parameters_are_the_last_words_with_two_dashes_and_a_value(
    words: list[str], own_count: int, parameters: tuple[str, ...]
) -> None:
    assert split_parameters(words, own_count) == (tuple(words[: len(words) - len(parameters)]), parameters)


@pytest.mark.parametrize(
    ("words", "tail"),
    [
        ("./t.sh lr=1 +a.b=2 ++c=3 ~d db@x=y", "lr=1 +a.b=2 ++c=3 ~d db@x=y"),
        ("uv run python t.py", ""),
        ("env A=1 python t.py --config-dir conf experiment=best", "--config-dir conf experiment=best"),
        ("make -j 4 train", ""),
        ("env A=1", "A=1"),
    ],
)
def test_the_overrides_of_a_wrapper_are_its_last_words(words: str, tail: str) -> None:
    assert override_tail(words.split()) == tuple(tail.split())


def test_overrides_that_a_program_does_not_pass_on_are_found() -> None:
    assert not_passed_on(["./t.sh", "a=1", "b=2"], ["z=0", "a=1", "b=2"]) == ()
    assert not_passed_on(["./t.sh", "a=1", "b=2"], ["z=0"]) == ("a=1", "b=2")
    assert program_words(["uv", "run", "t", "--", "a=1"]) == ("uv", "run", "t")
    assert split_flags(["make", "a=1", "--config-dir", "d", "b=2"]) == (("make", "a=1"), ("--config-dir", "d", "b=2"))
    assert split_flags(["make", "--config-dir", "d", "x"]) == (("make", "--config-dir", "d", "x"), ())
    assert program_words(["uv", "run", "t"]) == ("uv", "run", "t")


@pytest.mark.parametrize("option", ["-I", "-E", "-S", "-uI"])
def test_a_python_that_ignores_its_environment_is_refused_by_name(option: str) -> None:
    with pytest.raises(CommandError, match=f"^python3 {option} ignores the environment"):
        check_hook_is_read(["nice", "python3", "-X", "dev", option, "train.py"])


@pytest.mark.parametrize("words", ["nice python train.py -I", "nice python -u -W error train.py", "timeout -S 3 x"])
def test_other_options_are_accepted(words: str) -> None:
    check_hook_is_read(words.split())


def test_the_hook_stays_on_a_path_that_the_command_sets() -> None:
    assert with_hook_on_path(["env", "PYTHONPATH=src", "PYTHONPATH=", "x"], "/hook") == (
        "env",
        "PYTHONPATH=/hook:src",
        "PYTHONPATH=/hook",
        "x",
    )
    assert python_path({"PYTHONPATH": "a:b"}, "/hook") == "/hook:a:b"
    assert python_path({}, "/hook") == "/hook"
