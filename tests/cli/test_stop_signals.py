"""Commands that start an app, and get a signal while it runs: their exit code, their document, and what is left."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cli.marked_processes import VARIABLE, kill_marked, marked_processes
from json_schemas import validated
from pipelines.apps import APP, HANG, Project, environment, make_project
from service.harness import wait_until

HANGS = APP.replace("import hydra\n", f"import hydra\n\n{HANG}\n")
HANGS_IN_MAIN = APP.replace("time.sleep(60)", HANG)
SMOKE = ("check", "--json", "--smoke", "--search", "search.yaml", "--", "python", "app.py", "mode=hang")


@dataclass(frozen=True)
class Bench:
    """A project, and the mark of the processes that it starts. Their temporary folders are in `temporary`."""

    project: Project
    temporary: Path
    mark: str

    def start(self, *words: str) -> subprocess.Popen[str]:
        variables = {**environment(), VARIABLE: self.mark, "TMPDIR": str(self.temporary)}
        return subprocess.Popen(
            [sys.executable, "-m", "hydra_vertex.cli.main", *words],
            cwd=self.project.path,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=variables,
        )

    def hangs(self) -> bool:
        return (self.project.path / "hangs").exists()

    def processes(self) -> list[str]:
        return marked_processes(self.mark)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    (tmp_path / "temporary").mkdir()
    made = Bench(make_project(tmp_path), tmp_path / "temporary", uuid.uuid4().hex)
    try:
        yield made
    finally:
        kill_marked(made.mark)


def require_interrupted(bench: Bench, ended: subprocess.Popen[str]) -> None:
    stdout, _ = ended.communicate(timeout=60)
    document: dict[str, Any] = validated(json.loads(stdout))
    assert (ended.returncode, document["kind"], document["exitCode"]) == (130, "Interrupted", 130)
    assert bench.processes() == []
    assert list(bench.temporary.iterdir()) == []


def test_a_check_that_gets_sigterm_ends_its_trial_and_prints_the_document_error(bench: Bench) -> None:
    bench.project.write("app.py", HANGS_IN_MAIN)
    with bench.start(*SMOKE) as check:
        wait_until(bench.hangs, 60)

        check.send_signal(signal.SIGTERM)

        require_interrupted(bench, check)


def test_a_check_that_is_killed_leaves_neither_its_trial_nor_its_temporary_files(bench: Bench) -> None:
    bench.project.write("app.py", HANGS_IN_MAIN)
    with bench.start(*SMOKE) as check:
        wait_until(bench.hangs, 60)

        check.kill()

        assert check.wait(60) == -signal.SIGKILL
        wait_until(lambda: not bench.processes(), 30)
        wait_until(lambda: not list(bench.temporary.iterdir()))


@pytest.mark.parametrize(
    "words", [("check", "--json", "--search", "search.yaml"), ("explain", "--json"), ("run", "--json", "--trials", "1")]
)
def test_a_command_that_gets_sigterm_while_it_asks_the_app_ends_it_and_prints_the_document_error(
    bench: Bench, words: tuple[str, ...]
) -> None:
    bench.project.write("app.py", HANGS)
    options = ("--search", "search.yaml") if words[0] == "run" else ()
    with bench.start(*words, *options, "--", "python", "app.py") as command:
        wait_until(bench.hangs, 60)

        command.send_signal(signal.SIGTERM)

        require_interrupted(bench, command)
