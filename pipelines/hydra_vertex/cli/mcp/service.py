"""The tools at work: each call is checked by the rules, and answered with the document of a command."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hydra_vertex.cli.documents import schema_id
from hydra_vertex.cli.failures import failure_of
from hydra_vertex.cli.output import masked, say
from hydra_vertex.launcher.preflight.smoke import GRACE_S
from hydra_vertex.protocol.errors import AppError, CommandError, HydraVertexError, UserError
from hydra_vertex.protocol.json import Json, JsonObject

from .children import Answer, answer_in, command_line, signal_child, start
from .requests import Command, check_command, explain_command, run_command, whole, written_file
from .rules import Rules
from .runs import STOP_LIMIT_S, Run, Runs
from .studies import Study, app_of, require_readable, study_named
from .tools import WAIT_S, Tool, tools_for

POLL_INTERVAL_S = 2.0
_CHILD_POLL_S = 0.05
_LIMIT_S = 900.0
"""Time limit of a command that a call waits for; `check --smoke` has the longest."""
_END_GRACE_S = GRACE_S + 5.0
"""Time from SIGTERM to SIGKILL: a check needs its own time to end its trial."""
MOST_TEXT = 100_000

Progress = Callable[[float, float, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a call: its document, and the content of a text file that was written. An error has `is_error`."""

    document: JsonObject
    text: str = ""
    is_error: bool = False


class ToolService:
    """Runs the tools of one server. `files` is a private folder, which exists as long as the server."""

    def __init__(self, rules: Rules, files: Path) -> None:
        self.rules = rules
        self.runs = Runs(rules, files)
        self._files = files
        self._waited_for: set[subprocess.Popen[bytes]] = set()
        self._tools: dict[str, Tool] = {tool.name: tool for tool in tools_for(rules)}
        self._calls = {
            "check": self._check,
            "explain": self._explain,
            "run": self._run,
            "best": self._best,
            "report": self._report,
            "stop": self._stop,
        }

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The tools, in the order of their use."""
        return tuple(self._tools.values())

    async def call(self, name: str, given: JsonObject, progress: Progress) -> Outcome:
        """Run a tool. An error of the user, of the app or of a service is an outcome, not an exception."""
        outcome = await self._called(name, given, progress)
        return dataclasses.replace(outcome, document=masked(outcome.document))

    async def _called(self, name: str, given: JsonObject, progress: Progress) -> Outcome:
        try:
            self._require_valid(name, given)
            return await (self._watch(given, progress) if name == "watch" else self._calls[name](given))
        except (HydraVertexError, OSError) as error:
            failure = failure_of(error)
            assert failure is not None  # noqa: S101 - every error of these classes has one
            return Outcome({"schema": schema_id("error"), **failure.document()}, is_error=True)

    def end(self) -> None:
        """End every run and name it on stderr; end the other commands, and remove the files of the server."""
        deadline = time.monotonic() + _END_GRACE_S
        for child in self._waited_for:
            signal_child(child, signal.SIGTERM)
        for run in self.runs.running():
            say(f"hydra-vertex mcp: ending the run in {run.out}")
        for run in self.runs.end_all():
            say(f"hydra-vertex mcp: the run in {run.out} has ended; `run` with the same folder goes on with it")
        for child in self._waited_for:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(max(0.0, deadline - time.monotonic()))
            _kill(child)
        shutil.rmtree(self._files, ignore_errors=True)

    def _require_valid(self, name: str, given: JsonObject) -> None:
        from jsonschema import Draft202012Validator
        from jsonschema.exceptions import best_match

        if name not in self._tools:
            raise CommandError(f"{name}: is no tool of this server; expected one of {', '.join(self._tools)}")
        for argument, value in given.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise CommandError(f"{name}: {argument}: {value} is no number of JSON; give a finite one")
        found = best_match(Draft202012Validator(self._tools[name].input_schema()).iter_errors(given))
        if found is not None:
            place = ".".join(str(part) for part in found.absolute_path)
            raise CommandError(f"{name}: {f'{place}: ' if place else ''}{found.message}; see the tool's input schema")

    async def _check(self, given: JsonObject) -> Outcome:
        command = check_command(self.rules, given)
        if given.get("smoke"):
            self.rules.require_limits(1, 1, 0, left=self.runs.trials_left)
            self.runs.charge(1)
        return _outcome(await self._ended(command))

    async def _explain(self, given: JsonObject) -> Outcome:
        return _outcome(await self._ended(explain_command(self.rules, given)))

    async def _run(self, given: JsonObject) -> Outcome:
        self.rules.require_run("run")
        trials, parallel = whole(given["trials"]), whole(given.get("parallel", 1))
        limit_s = _number(given.get("limit_s", self.rules.max_time_s))
        self.rules.require_limits(trials, parallel, limit_s, left=self.runs.trials_left)
        out = self._out(given.get("out"))
        command = run_command(self.rules, given, out)
        run = self.runs.start(command.words, command.app, out, trials=trials, limit_s=limit_s)
        return Outcome(
            {
                "schema": schema_id("started"),
                "run": self._handle(out),
                "pid": run.child.pid,
                "trials": trials,
                "parallel": parallel,
                "limitSeconds": limit_s,
                "trialsLeft": self.runs.trials_left,
            }
        )

    async def _watch(self, given: JsonObject, progress: Progress) -> Outcome:
        from anyio import sleep

        study = study_named(self.rules, str(given["run"]))
        deadline = time.monotonic() + _number(given.get("wait_s", WAIT_S))
        first: JsonObject | None = None
        while True:
            document = await self._watched(str(given["run"]), study)
            await _tell(progress, document)
            first = document if first is None else first
            left_s = deadline - time.monotonic()
            if document["job"] != first["job"] or _has_ended(document) or left_s <= 0:
                return Outcome(document)
            await sleep(min(POLL_INTERVAL_S, left_s))

    async def _best(self, given: JsonObject) -> Outcome:
        from anyio import to_thread

        study = study_named(self.rules, str(given["run"]))
        app = await to_thread.run_sync(app_of, self.rules, study)
        file = written_file(self.rules, given, self._folder("best"), "best.yaml")
        outcome = _outcome(await self._ended(Command(("best", study.word, "-o", str(file)), app)))
        return outcome if outcome.is_error else Outcome(outcome.document, text_of(file))

    async def _report(self, given: JsonObject) -> Outcome:
        from anyio import to_thread

        study = study_named(self.rules, str(given["run"]))
        await to_thread.run_sync(require_readable, self.rules, study)
        file = written_file(self.rules, given, self._folder("report"), "report.html")
        return _outcome(await self._ended(Command(("report", study.word, "-o", str(file)))))

    async def _stop(self, given: JsonObject) -> Outcome:
        from anyio import move_on_after, sleep

        study = study_named(self.rules, str(given["run"]))
        run = self._started(study)
        if run is None:
            raise UserError(f"{given['run']}: this server has not started it, so it does not stop it")
        run.stop()
        with move_on_after(STOP_LIMIT_S):
            while run.is_running:
                await sleep(_CHILD_POLL_S)
        if run.is_running:
            run.kill()
        return Outcome(await self._watched(str(given["run"]), study))

    def _started(self, study: Study) -> Run | None:
        return None if study.path is None else self.runs.find(study.path)

    async def _watched(self, name: str, study: Study) -> JsonObject:
        run = self._started(study)
        # The state is read before the job, so that an ended run has its last job.
        answer = None if run is None else run.answer
        job = await self._job(study, is_needed=run is None)
        if run is not None:
            job = run.job = job or run.job
        printed = None if answer is None else answer.document
        is_error = answer is not None and answer.is_error
        return {
            "schema": schema_id("watched"),
            "run": name,
            "state": "none" if run is None else "running" if answer is None else "ended",
            "exitCode": None if answer is None else answer.exit_code,
            "job": job,
            "result": None if is_error else printed,
            "error": printed if is_error else None,
            "lastLines": [] if run is None else [*run.last_lines],
        }

    async def _job(self, study: Study, *, is_needed: bool) -> JsonObject | None:
        """Return the job's state; None while the run has no job, which is an error where one `is_needed`."""
        from anyio import to_thread

        try:
            await to_thread.run_sync(require_readable, self.rules, study)
        except UserError:
            if is_needed:
                raise
            return None
        answer = await self._ended(Command(("status", study.word)))
        if answer.is_error and is_needed:
            raise UserError(str((answer.document or {}).get("message", answer.stderr)))
        return None if answer.is_error else answer.document

    async def _ended(self, command: Command) -> Answer:
        """Run a command to its end. It is ended when the call is cancelled, or takes too long."""
        from anyio import move_on_after

        folder = self._folder(command.words[0])
        with (folder / "stdout").open("wb") as stdout, (folder / "stderr").open("wb") as stderr:
            child = start(command_line(command.words, command.app), self.rules.root, stdout, stderr)
        self._waited_for.add(child)
        try:
            with move_on_after(_LIMIT_S):
                await _exit_of(child)
        finally:
            await _end(child)
            self._waited_for.discard(child)
        return answer_in(folder, child.returncode)

    def _folder(self, name: str) -> Path:
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self._files))

    def _out(self, given: Json) -> Path:
        if isinstance(given, str):
            return self.rules.path(given)
        return self.rules.path(f"runs/mcp-{datetime.now():%Y%m%d-%H%M%S-%f}")

    def _handle(self, out: Path) -> str:
        return str(out.relative_to(self.rules.root))


def _outcome(answer: Answer) -> Outcome:
    """Return the document of a command. One that it prints of its own is no error: `check` prints its findings."""
    if answer.document is None:
        raise AppError(f"the command ended with exit code {answer.exit_code} and no result: {answer.stderr.strip()}")
    return Outcome(answer.document, is_error=answer.is_error)


async def _exit_of(child: subprocess.Popen[bytes]) -> None:
    from anyio import sleep

    while child.poll() is None:
        await sleep(_CHILD_POLL_S)


async def _end(child: subprocess.Popen[bytes]) -> None:
    """End a child that still runs. Other calls go on meanwhile; a cancelled call waits for its child, too."""
    from anyio import move_on_after

    if child.poll() is None:
        signal_child(child, signal.SIGTERM)
        with move_on_after(_END_GRACE_S, shield=True):
            await _exit_of(child)
        _kill(child)


def _kill(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.kill()
        child.wait()


def _has_ended(document: JsonObject) -> bool:
    job = document["job"]
    state = str(job["state"]) if isinstance(job, Mapping) else ""
    is_terminal = state.removeprefix("JOB_STATE_") in {
        *("SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED", "PARTIALLY_SUCCEEDED"),
    }
    # A run retrains and reports after its job has ended.
    return document["state"] == "ended" or (document["state"] == "none" and is_terminal)


async def _tell(progress: Progress, document: JsonObject) -> None:
    job = document["job"]
    if not isinstance(job, Mapping) or not isinstance(job["trials"], Mapping):
        return
    ended = sum(_number(job["trials"].get(state, 0)) for state in ("SUCCEEDED", "INFEASIBLE"))
    await progress(ended, _number(job["maxTrialCount"]), f"{job['state']}: {ended:g} trials have ended")


def text_of(file: Path) -> str:
    """Return the text of a file; of a long one only where it is, because a part would be another config."""
    text = file.read_text(encoding="utf-8")
    if len(text) <= MOST_TEXT:
        return text
    return f"{file}: has {len(text):,} characters, more than the {MOST_TEXT:,} of a result; read it there"


def _number(value: Json) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0
