"""Every argument list of the corpus, on a real app: the config that the app gets is what was meant, by value and type."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.metadata import version

import pytest

from trial.apps import hydra_trial
from trial.corpus import CORPUS
from trial.corpus.cases import Case, Prints, Refused, Runs, Sweeps
from trial.corpus.runner import App, Finished, started_app, trial_arguments

_HYDRA = tuple(int(number) for number in version("hydra-core").split(".")[:2])
_CASES = [case for case in CORPUS if _HYDRA >= tuple(map(int, case.hydra.split(".")))]
_SAMPLE = _CASES[:: len(_CASES) // 24]


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with started_app() as app:
        yield app


@pytest.mark.parametrize("case", _CASES, ids=str)
def test_an_argument_list_means_what_it_says(app: App, case: Case) -> None:
    _check(app, case, app.trial(case))


@pytest.mark.parametrize("case", _SAMPLE, ids=str)
def test_a_process_of_its_own_comes_to_the_same(app: App, case: Case) -> None:
    process = hydra_trial(app.folder, *trial_arguments(case), environ={"PYTHONUTF8": "1"})
    _check(app, case, Finished(process.returncode, process.stdout, process.stderr))


def _check(app: App, case: Case, finished: Finished) -> None:
    match case.expected:
        case Runs() | Sweeps():
            configs = [json.loads(config) for config in case.expected.configs(app.default)]
            assert [json.loads(config) for config in finished.configs] == configs, finished.stderr
            assert finished.configs == case.expected.configs(app.default)
            assert finished.exit_code == 0
        case Prints(text):
            assert text in finished.stdout, finished.stderr
            assert finished.configs == []
            assert finished.exit_code == 0
        case Refused(name, by_hydra):
            assert finished.exit_code == 2, finished.stdout + finished.stderr
            assert name in finished.stderr
            assert finished.stdout == ""
            assert by_hydra or finished.stderr.count("\n") == 1


def test_the_corpus_is_as_large_as_the_readme_says() -> None:
    lists = {(case.options, case.arguments) for case in CORPUS}
    assert len(lists) == len(CORPUS) >= 280
