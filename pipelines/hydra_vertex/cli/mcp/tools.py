"""The tools: their names, descriptions, and the JSON Schemas of their arguments and results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from hydra_vertex.cli.documents import schema_id
from hydra_vertex.protocol.json import Json, JsonObject

from .rules import Rules

WAIT_S = 20.0
"""How long `watch` waits for a change, unless another time is given."""
MAX_WAIT_S = 55.0
"""The longest wait of one call: clients often give up after 60 s."""

_TEXT: JsonObject = {"type": "string"}
_OVERRIDES: JsonObject = {
    "type": "array",
    "items": _TEXT,
    "description": "Hydra overrides for the app, such as experiment=docs or trainer.max_epochs=3",
}
_STUDY: JsonObject = {
    "type": "string",
    "description": "the `run` that the tool run returned, or the folder or job.json of another run below the root",
}
_SEARCH: JsonObject = {
    "type": "string",
    "description": "path of the search file below the root (default: the search space that the app's overrides choose)",
}
_OUTPUT: JsonObject = {
    "type": "string",
    "description": "path of the file below the root, which needs --allow-run: new, or written by this tool before "
    "(default: a temporary file)",
}


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool. `form` is the form of its result, and `arguments` are the properties of its input.

    A tool with `is_destructive` may replace a file.
    """

    name: str
    description: str
    form: str
    arguments: JsonObject
    required: tuple[str, ...] = ()
    is_read_only: bool = True
    is_destructive: bool = False

    def document(self) -> JsonObject:
        """Return the tool as a JSON object."""
        return {
            "name": self.name,
            "description": self.description,
            "inputSchema": self.input_schema(),
            "outputSchema": schema_id(self.form),
        }

    def input_schema(self) -> dict[str, Json]:
        """Return the JSON Schema of the arguments."""
        return {
            "type": "object",
            "properties": self.arguments,
            "required": list(self.required),
            "additionalProperties": False,
        }


_EXPLAIN = Tool(
    "explain",
    "Show what the app makes of overrides and of parameters of a trial: type and override of each, "
    "the composed config, and the options of every config group. Starts no training.",
    "explain",
    {
        "overrides": _OVERRIDES,
        "parameters": {
            "type": "object",
            "additionalProperties": {"type": ["string", "number", "boolean"]},
            "description": "values as the tuning service would send them, such as optimizer.lr: 0.003",
        },
    },
)

_WATCH = Tool(
    "watch",
    "Wait until a study changes or ends, at most wait_s seconds, and return its state: trials by state, best "
    "trial so far, and at its end the result or the error. Call it again while `state` is running. Reads a "
    "job of Vertex AI by its resource name if the server has --allow-vertex.",
    "watched",
    {
        "run": _STUDY,
        "wait_s": {
            "type": "number",
            "minimum": 0,
            "maximum": MAX_WAIT_S,
            "description": f"default: {WAIT_S:g}",
        },
    },
    required=("run",),
)

_BEST = Tool(
    "best",
    "Write the best trial's config as a Hydra experiment file; return its parameters, its overrides and its "
    "differences from the app's defaults. Works during a study, too.",
    "best",
    {"run": _STUDY, "output": _OUTPUT},
    required=("run",),
)

_REPORT = Tool(
    "report",
    "Write the HTML report of a study, finished or not, and return its path.",
    "report",
    {"run": _STUDY, "output": _OUTPUT},
    required=("run",),
)

_STOP = Tool(
    "stop",
    "Stop a run that this server has started. What was measured is kept, and run with the same `out` goes on.",
    "watched",
    {"run": _STUDY},
    required=("run",),
    is_read_only=False,
)


def tools_for(rules: Rules) -> tuple[Tool, ...]:
    """Return the tools, with the server's limits in their schemas. One that a rule forbids says so when called."""
    return (_check_tool(rules), _EXPLAIN, _run_tool(rules), _WATCH, *_writing_tools(rules), _STOP)


def _writing_tools(rules: Rules) -> Iterator[Tool]:
    """Yield the tools that write a file below the root if the server allows it, also in the place of an earlier one."""
    for tool in (_BEST, _REPORT):
        yield replace(tool, is_read_only=not rules.allow_run, is_destructive=rules.allow_run)


def _count(limit: int, description: str) -> JsonObject:
    return {"type": "integer", "minimum": 1, "maximum": limit, "description": description}


def _check_tool(rules: Rules) -> Tool:
    return Tool(
        "check",
        "Check a search space against the app's config before a study is started. Returns the type of each "
        "parameter and everything that the app would refuse (`findings`). Starts no trial, but smoke "
        "runs one to its metric and needs --allow-run.",
        "check",
        {
            "overrides": _OVERRIDES,
            "search": _SEARCH,
            "trials": _count(rules.max_trials, "number of trials"),
            "smoke": {"type": "boolean", "description": "also run one trial, with the app's own config"},
        },
        is_read_only=not rules.allow_run,
    )


def _run_tool(rules: Rules) -> Tool:
    return Tool(
        "run",
        "Start a study on this machine in the background: it checks, runs the trials, selects the best one and "
        "retrains it. Returns at once with a handle, `run`; follow it with watch. Needs --allow-run. At most "
        f"{rules.max_trials} trials for all runs of this server, {rules.max_parallel} at once, "
        f"{rules.max_time_s:g} s a run, {rules.max_runs} runs at the same time.",
        "started",
        {
            "overrides": _OVERRIDES,
            "search": _SEARCH,
            "trials": _count(rules.max_trials, "number of trials"),
            "parallel": _count(rules.max_parallel, "trials at once (default: 1)"),
            "limit_s": {
                "type": "number",
                "exclusiveMinimum": 0,
                "maximum": rules.max_time_s,
                "description": f"end the run after so many seconds (default: {rules.max_time_s:g})",
            },
            "retrain": {"type": "boolean", "description": "retrain with the best config (default: true)"},
            "out": {
                "type": "string",
                "description": "folder below the root: new, or of an unfinished run, which goes on",
            },
        },
        required=("trials",),
        is_read_only=False,
    )
