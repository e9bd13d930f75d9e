"""Runs every argument list of the corpus on a real app: the app gets the expected values and types."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest

from trial.apps import hydra_trial
from trial.corpus import CORPUS, writable_cases
from trial.corpus.cases import Case, Prints, Refused, Runs, Sweeps
from trial.corpus.runner import App, Command, Finished, started_app, trial_command

_CASES = writable_cases() if os.environ.get("EVERY_TEST") else writable_cases()[::3]
"""A third of the cases of each kind; all of them with EVERY_TEST=1 (`make nightly`)."""
_SAMPLE = _CASES[:: len(_CASES) // 24]


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with started_app() as app:
        yield app


@pytest.fixture(scope="module")
def finished(app: App, request: pytest.FixtureRequest) -> dict[Command, Finished]:
    """The result of each selected case; the cases run concurrently on all processors."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function) and item.path == request.path]
    cases = [item.callspec.params["case"] for item in items if "finished" in item.fixturenames]
    commands = [trial_command(case) for case in cases]
    return dict(zip(commands, app.run(commands), strict=True))


@pytest.mark.parametrize("case", _CASES, ids=str)
def test_an_argument_list_has_the_expected_result(app: App, finished: dict[Command, Finished], case: Case) -> None:
    _check(app, case, finished[trial_command(case)])


@pytest.mark.parametrize("case", _SAMPLE, ids=str)
def test_a_new_process_has_the_same_result_as_the_warm_server(app: App, case: Case) -> None:
    process = hydra_trial(app.folder, *trial_command(case).arguments, environ={"PYTHONUTF8": "1"})
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


def test_the_corpus_is_as_large_as_the_readme_states() -> None:
    lists = {(case.options, case.arguments) for case in CORPUS}
    assert len(lists) == len(CORPUS) >= 280
