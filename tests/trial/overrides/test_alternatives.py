from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest

from trial.apps import hydra_trial, write_app

OPTIONS = {
    "conf/config.yaml": "defaults: [{model: small}, {opt: null}, _self_]\nlr: 0.1\n",
    "conf/model/small.yaml": "depth: 1\n",
    "conf/model/wide.yaml": "depth: 1\nwidth: 8\n",
    "conf/model/deep.yaml": "depth: 9\nwidth: 8\n",
    "conf/opt/sgd.yaml": "momentum: 0.9\n",
    "conf/opt/broken.yaml": "defaults: [nothing]\n",
}
SMALL, WIDE, DEEP = "--model=small", "--model=wide", "--model=deep"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return write_app(tmp_path, **OPTIONS)


@pytest.mark.parametrize("options", [*permutations((SMALL, WIDE)), *permutations((SMALL, WIDE, DEEP))], ids=str)
def test_a_key_that_one_option_lacks_is_refused_in_any_order(app: Path, options: tuple[str, ...]) -> None:
    ended = hydra_trial(app, "--explain", "--", "python", "train.py", *options, "--model.width=3")

    assert ended.returncode == 2
    assert "--model.width=3: the app's config has no key 'model.width'" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_the_refusal_names_the_option(app: Path) -> None:
    ended = hydra_trial(app, "--explain", "--", "python", "train.py", SMALL, WIDE, "--model.width=3")

    assert "with --model=small: --model.width=3: the app's config has no key" in ended.stderr


@pytest.mark.parametrize("options", [*permutations((WIDE, DEEP)), *permutations((WIDE, WIDE))], ids=str)
def test_a_key_that_every_option_has_is_accepted(app: Path, options: tuple[str, ...]) -> None:
    ended = hydra_trial(app, "--explain", "--", "python", "train.py", *options, "--model.width=3")

    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("options", [*permutations(("--opt=sgd", "--opt=broken"))], ids=str)
def test_an_option_that_does_not_compose_is_refused_in_any_order(app: Path, options: tuple[str, ...]) -> None:
    ended = hydra_trial(app, "--explain", "--", "python", "train.py", *options)

    assert ended.returncode == 2
    assert "nothing" in ended.stderr


def test_a_trial_itself_composes_only_the_last_option(app: Path) -> None:
    ended = hydra_trial(app, "--", "python", "train.py", SMALL, WIDE, "--model.width=3")

    assert ended.returncode == 0, ended.stderr
