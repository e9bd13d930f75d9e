"""A trial resumes from its checkpoint, with a real Hydra app."""

from __future__ import annotations

import json
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from trial.apps import CONFIG, TRAIN, hydra_trial, write_app

# Keys in addition to those of the other tests' app.
_KEYS = """
        ckpt_path: null
        init_from: none
        resume: false
        trainer: {resume_from: null}
"""
_TRAIN = TRAIN.replace("print(cfg)", "print([cfg.ckpt_path, cfg.init_from, cfg.trainer.resume_from])")


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return write_app(tmp_path, _TRAIN, **{"conf/config.yaml": CONFIG["conf/config.yaml"] + _KEYS})


@pytest.fixture
def checkpoint(app: Path) -> Path:
    path = app / "it's ${out}, x=1/checkpoints/last.ckpt"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    return path


def _start(
    app: Path, key: str, *arguments: str, folder: Path | None, options: tuple[str, ...] = ()
) -> CompletedProcess[str]:
    environ = {} if folder is None else {"AIP_CHECKPOINT_DIR": f"{folder}/"}
    command = ("--resume-key", key, *options, "--", "python", "train.py", *arguments)
    return hydra_trial(app, *command, environ=environ)


@pytest.mark.parametrize(
    ("key", "place", "argument"),
    [("ckpt_path", 0, "--lr=0.25"), ("init_from", 1, "lr=0.25"), ("trainer.resume_from", 2, "--opt=sgd")],
)
def test_a_trial_resumes_from_its_checkpoint(app: Path, checkpoint: Path, key: str, place: int, argument: str) -> None:
    ended = _start(app, key, argument, folder=checkpoint.parent)
    assert ended.returncode == 0, ended.stderr
    values: list[str | None] = [None, "none", None]
    values[place] = str(checkpoint)
    assert ended.stdout.splitlines()[0] == repr(values)
    assert ended.stderr.splitlines()[0] == f"hydra-trial: resumes from {checkpoint} ({key})"


@pytest.mark.parametrize("name", ["", "nope", None])
def test_without_a_checkpoint_nothing_is_added(app: Path, name: str | None) -> None:
    ended = _start(app, "ckpt_path", folder=None if name is None else app / name)
    assert ended.stdout.splitlines()[:2] == ["[None, 'none', None]", "['train.py']"]
    assert ended.stderr == "hydra-trial: metric = 0.2\n"


@pytest.mark.parametrize("argument", ["++ckpt_path=mine", "--ckpt_path=mine"])
def test_the_users_own_value_has_precedence(app: Path, checkpoint: Path, argument: str) -> None:
    ended = _start(app, "ckpt_path", argument, folder=checkpoint.parent)
    assert ended.stdout.splitlines()[0] == "['mine', 'none', None]"
    assert "goes on" not in ended.stderr


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("ckpt_pat", "--resume-key ckpt_pat: the app's config has no such key; did you mean 'ckpt_path'?"),
        ("resume", "--resume-key resume: the key's type is bool; a checkpoint needs str, Path or null"),
    ],
)
def test_a_key_that_accepts_no_path_is_refused_at_the_first_start(app: Path, key: str, message: str) -> None:
    ended = _start(app, key, folder=None)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"hydra-trial: {message}")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("flags", [["-m", "lr=0.1,0.2"], ["hydra.mode=MULTIRUN", "lr=0.1"], ["--cfg", "job"]])
def test_a_multirun_does_not_resume(app: Path, checkpoint: Path, flags: list[str]) -> None:
    ended = _start(app, "ckpt_path", *flags, folder=checkpoint.parent)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    assert "last.ckpt" not in ended.stdout


def test_the_explanation_shows_the_checkpoint(app: Path, checkpoint: Path) -> None:
    options = ("--explain", "--json", "e.json")
    ended = _start(app, "ckpt_path", "--lr=1", folder=checkpoint.parent, options=options)
    assert (ended.returncode, ended.stderr) == (0, "")
    explained = json.loads((app / "e.json").read_text())
    assert explained["arguments"][-1]["argument"] == "--resume-key ckpt_path"
    assert explained["command"][-1] == explained["arguments"][-1]["override"]
    assert explained["composed"]["config"]["ckpt_path"] == str(checkpoint).replace("${", r"\${")


def test_only_the_first_process_logs_the_checkpoint_that_all_resume_from(app: Path, checkpoint: Path) -> None:
    environ = {"AIP_CHECKPOINT_DIR": str(checkpoint.parent), "RANK": "1"}
    ended = hydra_trial(app, "--resume-key", "ckpt_path", "--", "python", "train.py", environ=environ)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert str(checkpoint) in ended.stdout.splitlines()[0]
