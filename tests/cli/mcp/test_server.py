"""The server, by the client of the package `mcp` over stdin and stdout, and its refusals without a client."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest
from anyio import to_thread
from jsonschema import Draft202012Validator
from mcp import ClientSession
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.types import TextContent

from cli.marked_processes import VARIABLE, kill_marked, marked_processes
from hydra_vertex.cli.mcp.rules import Rules
from hydra_vertex.cli.mcp.service import MOST_TEXT, ToolService, text_of
from hydra_vertex.cli.mcp.studies import study_named
from hydra_vertex.cli.mcp.tools import tools_for
from hydra_vertex.cli.output import hide_secrets_of
from hydra_vertex.job import TrialJobSpec, save_job
from hydra_vertex.launcher.preflight.job_builder import build_job
from hydra_vertex.launcher.study.job_reference import JobReference
from hydra_vertex.launcher.study.job_source import find_job
from hydra_vertex.protocol.errors import Interrupted
from json_schemas import schema, validated
from launcher.jobs import SPEC, make_job
from pipelines.apps import HANG, Project, environment, make_project
from service.harness import wait_until

NOISY = """
import os
print("printed at import")
os.write(1, b"written to the descriptor\\n")
"""
APP = ("python", "noisy.py")
READING = ("check", "explain", "watch", "best", "report")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = make_project(tmp_path_factory.mktemp("project").resolve())
    project.write("noisy.py", NOISY + (project.path / "app.py").read_text().replace("time.sleep(60)", HANG))
    return project


def server_command(*options: str) -> list[str]:
    return ["-m", "hydra_vertex.cli.main", "mcp", *options, "--", *APP]


@asynccontextmanager
async def connected(folder: Path, log: Path, *options: str, mark: str = "") -> AsyncIterator[ClientSession]:
    variables = {**environment(), "TMPDIR": str(log.parent), VARIABLE: mark}
    server = StdioServerParameters(command=sys.executable, args=server_command(*options), env=variables, cwd=folder)
    with log.open("w") as errors:
        async with stdio_client(server, errors) as (incoming, outgoing), ClientSession(incoming, outgoing) as session:
            await session.initialize()
            yield session


async def called(session: ClientSession, name: str, **given: Any) -> dict[str, Any]:
    """Call a tool, which must not fail. The client itself checks the result by the tool's schema."""
    result = await session.call_tool(name, given)
    assert not result.is_error, result.structured_content
    document: dict[str, Any] = result.structured_content
    return validated(document)


def descendants(pid: int) -> Iterator[psutil.Process]:
    yield from psutil.Process(pid).children(recursive=True)


def test_an_agent_checks_runs_and_gets_the_best_config(project: Project, tmp_path: Path) -> None:
    async def scenario() -> None:
        told: list[float] = []

        async def on_progress(progress: float, total: float | None, message: str | None) -> None:
            told.append(progress)

        async with connected(project.path, tmp_path / "log", "--allow-run", "--max-trials", "3") as session:
            tools = {tool.name: tool for tool in (await session.list_tools()).tools}
            assert set(READING) < set(tools)
            for tool in tools.values():
                assert tool.annotations is not None
                assert tool.annotations.read_only_hint == (tool.name in {"explain", "watch"})
                assert tool.annotations.destructive_hint == (tool.name in {"best", "report"})
                assert tool.output_schema is not None
                assert tool.output_schema == schema(tool.output_schema["$id"].split(":")[2])

            checked = await called(session, "check", search="search.yaml", overrides=["experiment=mine"])
            assert (checked["findings"], checked["types"]["lr"]) == ([], "float")
            explained = await called(session, "explain", overrides=["depth=2"], parameters={"lr": 0.5})
            assert explained["command"] == ["python", "noisy.py", "depth=2", "lr=0.5"]

            given = {"search": "search.yaml", "trials": 2, "parallel": 2, "retrain": False}
            started = await called(session, "run", **given)
            assert started["trialsLeft"] == 1
            again = await session.call_tool("run", {**given, "trials": 1})
            assert "1 runs are in progress" in again.structured_content["message"]
            seen = await session.call_tool("watch", {"run": started["run"]}, progress_callback=on_progress)
            while seen.structured_content["state"] == "running":
                seen = await session.call_tool("watch", {"run": started["run"]}, progress_callback=on_progress)
            watched = validated(seen.structured_content)
            assert (watched["exitCode"], watched["error"]) == (0, None), watched
            assert watched["job"]["trials"] == {"SUCCEEDED": 2}
            assert told[-1] == 2
            assert watched["result"]["bestTrial"] == watched["job"]["best"]["trial"]

            best = await session.call_tool("best", {"run": started["run"], "output": "conf/experiment/best.yaml"})
            assert validated(best.structured_content)["trial"] == watched["result"]["bestTrial"]
            assert [item.text for item in best.content if isinstance(item, TextContent)][1] == (
                project.path / "conf/experiment/best.yaml"
            ).read_text()
            await called(session, "best", run=started["run"], output="conf/experiment/best.yaml")
            report = await called(session, "report", run=started["run"])
            assert "<html" in Path(report["report"]).read_text()[:2000]
            for _ in range(2):
                await called(session, "report", run=started["run"], output="report.html")

            beyond = await session.call_tool("run", {**given, "trials": 2})
            assert beyond.is_error
            assert validated(beyond.structured_content)["message"].startswith("trials is 2, and this server allows 1")

    anyio.run(scenario)


def test_a_call_that_the_client_cancels_ends_its_trial(project: Project, tmp_path: Path) -> None:
    mark, hangs = uuid.uuid4().hex, project.path / "hangs"

    async def scenario() -> None:
        async with connected(project.path, tmp_path / "log", "--allow-run", mark=mark) as session:
            given = {"search": "search.yaml", "smoke": True, "overrides": ["mode=hang"]}
            async with anyio.create_task_group() as calls:
                calls.start_soon(session.call_tool, "check", given)
                await to_thread.run_sync(wait_until, hangs.exists, 60)
                calls.cancel_scope.cancel()
            # The server and its guard are left.
            await to_thread.run_sync(wait_until, lambda: len(marked_processes(mark)) == 2, 30)
            await called(session, "explain")

    try:
        anyio.run(scenario)
    finally:
        kill_marked(mark)
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


def test_the_end_of_stdin_ends_a_run_and_its_trials(project: Project, tmp_path: Path) -> None:
    given = {"search": "search.yaml", "trials": 2, "overrides": ["sleep_s=300"], "out": "runs/long"}
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    messages = (
        {"id": 1, "method": "initialize", "params": hello},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": {"name": "run", "arguments": given}},
    )
    with started_server(project, tmp_path) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        for message in messages:
            server.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
            server.stdin.flush()
            if "id" in message:
                assert json.loads(server.stdout.readline())["id"] == message["id"]
        wait_until(lambda: any(is_trial(process) for process in descendants(server.pid)), 120)
        started = list(descendants(server.pid))

        server.stdin.close()
        rest = server.stdout.read()
        code = server.wait(60)

    said = (tmp_path / "log").read_text()
    assert (code, rest) == (0, b""), said
    assert f"ending the run in {project.path / 'runs/long'}" in said
    psutil.wait_procs(started, 30)
    assert [process for process in started if process.is_running()] == []


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, Interrupted.exit_code),
        (signal.SIGTERM, Interrupted.exit_code),
        (signal.SIGKILL, -signal.SIGKILL),
    ],
)
def test_a_signal_ends_the_server_also_while_stdin_is_open_and_leaves_no_file(
    project: Project, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with started_server(project, tmp_path) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
        text = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello})
        server.stdin.write(f"{text}\n".encode())
        server.stdin.flush()
        server.stdout.readline()

        server.send_signal(number)

        assert server.wait(60) == code
    wait_until(lambda: [path.name for path in tmp_path.iterdir()] == ["log"])


@contextmanager
def started_server(project: Project, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, *server_command("--allow-run")]
    variables = {**environment(), "TMPDIR": str(folder)}
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            command, cwd=project.path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=variables
        ) as server,
    ):
        yield server


def is_trial(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return any(word.startswith("--lr=") for word in process.cmdline())
    return False


def test_a_run_is_stopped_by_a_call_and_by_its_time_limit(project: Project, tmp_path: Path) -> None:
    async def scenario() -> None:
        service = ToolService(Rules(project.path, APP, allow_run=True, max_trials=9), tmp_path)
        given = {"search": "search.yaml", "trials": 2, "overrides": ["sleep_s=300"]}

        async def ended(name: str, given: dict[str, Any]) -> dict[str, Any]:
            outcome = await service.call(name, given, nothing)
            assert not outcome.is_error, outcome.document
            return validated(dict(outcome.document))

        first = await ended("run", {**given, "out": "runs/first"})
        stopped = await ended("stop", {"run": first["run"]})
        assert stopped["state"] == "ended"
        assert stopped["exitCode"] != 0

        await ended("run", {**given, "out": "runs/second", "limit_s": 0.01})
        time.sleep(0.02)
        service.runs.end_overdue()
        watched = await ended("watch", {"run": "runs/second", "wait_s": 50})
        assert watched["state"] == "ended"
        assert watched["exitCode"] != 0

    anyio.run(scenario)


async def nothing(done: float, total: float, message: str) -> None:
    pass


def refusal(service: ToolService, name: str, given: dict[str, Any]) -> str:
    outcome = anyio.run(partial(service.call, name, given, nothing))
    assert outcome.is_error, outcome.document
    document = validated(dict(outcome.document))
    return f"{document['kind']}: {document['message']}"


JOB = "projects/p/locations/europe-west4/hyperparameterTuningJobs/1"
JOB_OF_OTHER_SERVICE = f"https://autopush-aiplatform.sandbox.googleapis.com/v1/{JOB}"
REFUSALS: dict[str, tuple[str, dict[str, Any], str]] = {
    "run without permission": ("run", {"trials": 1}, "UserError: run needs .* --allow-run"),
    "a trial without permission": ("check", {"smoke": True}, "UserError: check with smoke needs .* --allow-run"),
    "a file without permission": ("report", {"run": "job.json", "output": "r.html"}, "a file below the root needs"),
    "a search file outside": ("check", {"search": "../s.yaml"}, "OutputError: ../s.yaml: is outside of"),
    "a study outside": ("watch", {"run": "/etc"}, "OutputError: /etc: is outside of"),
    "a report of a study outside": ("report", {"run": ".."}, "OutputError: ..: is outside of"),
    "a job of Vertex AI": (
        "watch",
        {"run": JOB},
        "with your user's credentials, .* --allow-vertex",
    ),
    "a file that names a job of Vertex AI": ("watch", {"run": "reference.txt"}, "reference.txt: a job of Vertex AI"),
    "a report of a file that names one": ("report", {"run": "reference.txt"}, "reference.txt: a job of Vertex AI"),
    "a report of a file that names another service": (
        "report",
        {"run": "other.txt"},
        "other.txt: is a job of the service",
    ),
    "a folder whose job is a link to a file outside": ("watch", {"run": "linked"}, "OutputError: .*: is outside of"),
    "a study of another app": ("best", {"run": "job.json"}, "CommandError: .*job.json: is a study of"),
    "a flag": ("check", {"overrides": ["--multirun"]}, "not a flag"),
    "a folder without a run": ("watch", {"run": "empty"}, "OutputError: .*empty: is a folder without job.json"),
    "stopping another's run": ("stop", {"run": "empty"}, "this server has not started it"),
    "an unknown tool": ("submit", {}, "CommandError: submit: is no tool of this server; expected one of check, "),
    "an unknown argument": ("check", {"searches": "x"}, "CommandError: check: .*'searches' was unexpected"),
    "an argument of another type": ("watch", {"run": 3}, "CommandError: watch: run: 3 is not of type 'string'"),
    "a missing argument": ("watch", {}, "CommandError: watch: 'run' is a required property"),
    "too many trials": ("check", {"trials": 999}, "CommandError: check: trials: 999 is greater than the maximum"),
    "a part of a trial": ("check", {"trials": 1.5}, "CommandError: check: trials: 1.5 is not of type 'integer'"),
    "a wait without an end": ("watch", {"run": "x", "wait_s": math.nan}, "watch: wait_s: nan is no number of JSON"),
    "a run without a limit": ("run", {"trials": 1, "limit_s": math.nan}, "run: limit_s: nan is no number of JSON"),
    "too long a wait": ("watch", {"run": "x", "wait_s": 600}, "wait_s: 600 is greater than the maximum"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_call_that_the_rules_do_not_allow_is_refused(project: Project, tmp_path: Path, case: str) -> None:
    name, given, says = REFUSALS[case]
    (project.path / "empty").mkdir(exist_ok=True)
    project.write("reference.txt", f"{JOB}\n")
    project.write("other.txt", f"{JOB_OF_OTHER_SERVICE}\n")
    save_job(make_job(), project.path / "job.json")
    save_job(make_job(), tmp_path / "job.json")
    (project.path / "linked").mkdir(exist_ok=True)
    (project.path / "linked/job.json").unlink(missing_ok=True)
    (project.path / "linked/job.json").symlink_to(tmp_path / "job.json")
    service = ToolService(Rules(project.path, APP, allow_vertex="other" in case), tmp_path)

    message = refusal(service, name, given)

    assert re.search(says, message), message
    assert service.runs.running() == []


@pytest.mark.parametrize("tool", ["watch", "best", "report"])
@pytest.mark.parametrize(
    ("run", "says"),
    [
        ("/OUTSIDE/job.json", "does not name a tuning job"),
        ("projects/../../OUTSIDE/job.json", "does not name a tuning job"),
        ("sqlite:///OUTSIDE/study.db", "nor a resource of the API"),
        ("postgresql://u:p@10.0.0.1/x", "nor a resource of the API"),
        ("mysql+pymysql://10.0.0.1/v1/JOB", "10.0.0.1 is not a host of Google"),
        ("file://OUTSIDE/job.json", "nor a resource of the API"),
        (JOB_OF_OTHER_SERVICE, "is a job of the service https://autopush"),
        (f"http://127.0.0.1:9/v1/{JOB}", "is a job of the service http://127.0.0.1:9; .*the folder of its run"),
        ("123", "needs --project and --location"),
    ],
)
def test_allow_vertex_allows_nothing_but_jobs_of_vertex_ai(tmp_path: Path, run: str, tool: str, says: str) -> None:
    root = tmp_path / "root"
    (root / "projects").mkdir(parents=True)
    save_job(make_job(), tmp_path / "job.json")
    service = ToolService(Rules(root, APP, allow_vertex=True), tmp_path)

    message = refusal(service, tool, {"run": run.replace("OUTSIDE", str(tmp_path)).replace("JOB", JOB)})

    assert re.search(says, message), message


@pytest.mark.parametrize(
    "text", [JOB, f"//aiplatform.googleapis.com/{JOB}", f"https://europe-west4-aiplatform.googleapis.com/v1/{JOB}"]
)
def test_a_job_of_vertex_ai_is_passed_on_by_its_full_name(tmp_path: Path, text: str) -> None:
    study = study_named(Rules(tmp_path, APP, allow_vertex=True), text)

    assert (study.word, study.path) == (f"//aiplatform.googleapis.com/{JOB}", None)
    assert find_job(study.word).reference == JobReference(JOB)


@pytest.mark.parametrize("name", ["1", "projects/mine"])
def test_a_folder_below_the_root_may_have_a_name_like_that_of_a_job(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir(parents=True)

    assert study_named(Rules(tmp_path, APP), name).path == tmp_path / name


CONTENT = "7f3a-outside"
OUTSIDE: dict[str, dict[str, Any]] = {
    "the search path as a parameter": {"parameters": {"hydra.searchpath": "[file://OUTSIDE]", "+sec": "x"}},
    "the search path as an override": {"overrides": ["hydra.searchpath=[file://OUTSIDE]", "+sec=x"]},
    "a folder of configs as a parameter": {"parameters": {"config-dir": "OUTSIDE", "+sec": "x"}},
    "an option above its group as a parameter": {"parameters": {"+model": "../../../OUTSIDE_NAME/sec/x"}},
    "an option above its group as an override": {"overrides": ["+model@new=../../../OUTSIDE_NAME/sec/x"]},
    "an option as an absolute path": {"overrides": ["+model@new=OUTSIDE/sec/x"]},
}


@pytest.mark.parametrize("case", OUTSIDE)
def test_explain_shows_no_config_file_outside_of_the_root(project: Project, tmp_path: Path, case: str) -> None:
    outside = tmp_path.resolve() / "outside"
    (outside / "sec").mkdir(parents=True)
    (outside / "sec/x.yaml").write_text(f"secret_text: {CONTENT}\n")
    relative = str(Path(os.path.relpath(outside, project.path.parent)))
    text = json.dumps(OUTSIDE[case]).replace("OUTSIDE_NAME", relative).replace("OUTSIDE", str(outside))
    service = ToolService(Rules(project.path, APP), tmp_path)

    outcome = anyio.run(partial(service.call, "explain", json.loads(text), nothing))

    assert outcome.is_error
    assert CONTENT not in json.dumps(outcome.document)


def test_an_error_has_neither_the_secrets_of_a_study_nor_those_of_the_server(project: Project, tmp_path: Path) -> None:
    own, of_study = (*APP, "logger.password=hunter2-own"), (*APP, "logger.api_key=hunter2-study")
    job = build_job(
        display_name="study",
        study_spec=SPEC,
        trial_job_spec=TrialJobSpec(worker_pools=()),
        app=of_study,
        max_trial_count=1,
        parallel_trial_count=1,
    )
    save_job(job, project.path / "secret.json")
    service = ToolService(Rules(project.path, own), tmp_path)
    hide_secrets_of(own)
    try:
        of_other_app = refusal(service, "best", {"run": "secret.json"})
        without_job = refusal(service, "watch", {"run": "hunter2-own"})
    finally:
        hide_secrets_of(())

    assert "logger.api_key=***" in of_other_app
    assert "logger.password=***" in of_other_app
    assert "***" in without_job
    assert "hunter2" not in of_other_app + without_job


def test_a_long_experiment_file_is_named_and_not_cut(tmp_path: Path) -> None:
    file = tmp_path / "best.yaml"

    file.write_text("é" * MOST_TEXT)
    assert text_of(file) == "é" * MOST_TEXT
    file.write_text("é" * (MOST_TEXT + 1))
    assert text_of(file) == f"{file}: has 100,001 characters, more than the 100,000 of a result; read it there"


def test_a_server_without_an_app_reads_only(project: Project, tmp_path: Path) -> None:
    service = ToolService(Rules(project.path, (), allow_run=True), tmp_path)

    for name, given in (("check", {}), ("explain", {}), ("run", {"trials": 1})):
        assert "this server has no app" in refusal(service, name, given)


def test_the_schemas_of_the_tools_are_valid_and_have_the_limits(tmp_path: Path) -> None:
    tools = {tool.name: tool for tool in tools_for(Rules(tmp_path, APP, max_trials=7, max_parallel=3))}

    for tool in tools.values():
        Draft202012Validator.check_schema(tool.input_schema())
    properties: Any = tools["run"].input_schema()["properties"]
    assert (properties["trials"]["maximum"], properties["parallel"]["maximum"]) == (7, 3)
    assert [tool.name for tool in tools.values() if tool.is_read_only] == list(READING)
    assert not any(tool.is_destructive for tool in tools.values())


def test_a_tool_that_may_write_or_train_is_not_announced_as_one_that_reads_only(tmp_path: Path) -> None:
    tools = tools_for(Rules(tmp_path, APP, allow_run=True))

    assert [tool.name for tool in tools if tool.is_read_only] == ["explain", "watch"]
    assert [tool.name for tool in tools if tool.is_destructive] == ["best", "report"]


def test_the_documents_of_the_tools_contain_those_of_the_commands() -> None:
    fields = schema("watched")["properties"]

    for field, name in (("job", "status"), ("result", "run"), ("error", "error")):
        inner = fields[field]["anyOf"][0]
        assert inner["properties"] == schema(name)["properties"]
        assert inner["required"] == schema(name)["required"]
