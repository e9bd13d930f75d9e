"""The questions that a launcher asks an app about its config over a socket, and the app's answers, one JSON line each.

The launcher listens; the app's process connects when it calls `hydra.main`, and answers until the launcher disconnects.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from . import json
from .explanation import (
    Composition,
    DescribedKey,
    ExplainedArgument,
    Explanation,
    dump_argument,
    dump_composition,
    dump_described,
    dump_explanation,
    parse_argument,
    parse_composition,
    parse_described,
    parse_explanation,
)
from .json import Json, JsonObject, array_of, object_of


class Detail(str, Enum):
    """What an answer contains, in the order of its cost."""

    ACCEPT = "accept"
    """Only whether the app's config accepts the arguments."""
    INSPECT = "inspect"
    """The typed arguments, and what a run could fail on in the composed config."""
    DESCRIBE = "describe"
    """The types and values of the question's keys."""
    COMPOSE = "compose"
    """The composed config."""
    EXPLAIN = "explain"
    """The whole explanation, with all of its compositions."""


@dataclass(frozen=True, slots=True)
class Question:
    """`parameters` are appended to the app's arguments, or to `arguments` in place of them.

    Both may be anything that an app's command line has, Hydra's flags included. `keys` are those to describe.
    """

    parameters: tuple[str, ...] = ()
    arguments: tuple[str, ...] | None = None
    detail: Detail = Detail.ACCEPT
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A key whose interpolation cannot be resolved, and the reason."""

    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """What an app's run could fail on: keys that are `???`, and interpolations that cannot be resolved.

    `optimized_metric` is the value of that key in the config; None when it has none. `interpreter` is the path of the
    Python that composed it.
    """

    missing: tuple[str, ...] = ()
    unresolved: tuple[Unresolved, ...] = ()
    optimized_metric: str | None = None
    interpreter: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an argument is refused. `argument` is empty when only the combination of the arguments is refused.

    `is_unknown_key`: the app's config has no key of this name, with the config groups that the other arguments choose.
    """

    argument: str
    message: str
    is_unknown_key: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """The app's config accepts the arguments. `compositions` is how often Hydra has composed the config so far."""

    compositions: int
    arguments: tuple[ExplainedArgument, ...] = ()
    inspection: Inspection | None = None
    composition: Composition | None = None
    explanation: Explanation | None = None
    keys: tuple[DescribedKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """The app's config does not accept the arguments."""

    compositions: int
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """The app's process could not answer; the message says why."""

    message: str


Answer: TypeAlias = Accepted | Refused | Failed


def dump_question(question: Question) -> bytes:
    """Return the question as a line of JSON."""
    arguments: Json = None if question.arguments is None else list(question.arguments)
    document: JsonObject = {
        "parameters": list(question.parameters),
        "arguments": arguments,
        "detail": question.detail.value,
        "keys": list(question.keys),
    }
    return _line(document)


def parse_question(line: bytes) -> Question:
    """Read a line of `dump_question`. Raises ValueError, or KeyError for a missing field."""
    document = object_of(json.loads(line))
    arguments = document["arguments"]
    return Question(
        parameters=_strings(document["parameters"]),
        arguments=None if arguments is None else _strings(arguments),
        detail=Detail(document["detail"]),
        keys=_strings(document["keys"]),
    )


def dump_answer(answer: Answer) -> bytes:
    """Return the answer as a line of JSON."""
    match answer:
        case Accepted():
            return _line({"accepted": _dump_accepted(answer)})
        case Refused(compositions, problems):
            return _line({"refused": {"compositions": compositions, "problems": list(map(_dump_problem, problems))}})
        case Failed(message):
            return _line({"failed": {"message": message}})


def parse_answer(line: bytes) -> Answer:
    """Read a line of `dump_answer`. Raises ValueError, or KeyError for a missing field."""
    match object_of(json.loads(line)):
        case {"accepted": accepted}:
            return _accepted(object_of(accepted))
        case {"refused": refused}:
            document = object_of(refused)
            problems = tuple(_problem(object_of(problem)) for problem in array_of(document["problems"]))
            return Refused(_integer(document["compositions"]), problems)
        case {"failed": failed}:
            return Failed(str(object_of(failed)["message"]))
        case other:
            raise ValueError(f"expected accepted, refused or failed, got {', '.join(other)}")


def _dump_problem(problem: Problem) -> JsonObject:
    return {"argument": problem.argument, "message": problem.message, "isUnknownKey": problem.is_unknown_key}


def _problem(document: JsonObject) -> Problem:
    return Problem(str(document["argument"]), str(document["message"]), document.get("isUnknownKey") is True)


def _dump_accepted(answer: Accepted) -> JsonObject:
    document: dict[str, Json] = {
        "compositions": answer.compositions,
        "arguments": [dump_argument(argument) for argument in answer.arguments],
    }
    if answer.inspection is not None:
        document["inspection"] = _dump_inspection(answer.inspection)
    if answer.composition is not None:
        document["composition"] = dump_composition(answer.composition)
    if answer.explanation is not None:
        document["explanation"] = dump_explanation(answer.explanation)
    if answer.keys:
        document["keys"] = [dump_described(key) for key in answer.keys]
    return document


def _accepted(document: JsonObject) -> Accepted:
    inspection, composition = document.get("inspection"), document.get("composition")
    explanation = document.get("explanation")
    return Accepted(
        compositions=_integer(document["compositions"]),
        arguments=tuple(parse_argument(argument) for argument in array_of(document["arguments"])),
        inspection=None if inspection is None else _inspection(object_of(inspection)),
        composition=None if composition is None else parse_composition(composition),
        explanation=None if explanation is None else parse_explanation(explanation),
        keys=tuple(parse_described(key) for key in array_of(document.get("keys", []))),
    )


def _dump_inspection(inspection: Inspection) -> JsonObject:
    return {
        "missing": list(inspection.missing),
        "unresolved": [{"key": item.key, "reason": item.reason} for item in inspection.unresolved],
        "optimizedMetric": inspection.optimized_metric,
        "interpreter": inspection.interpreter,
    }


def _inspection(document: JsonObject) -> Inspection:
    unresolved = [object_of(item) for item in array_of(document["unresolved"])]
    metric = document["optimizedMetric"]
    return Inspection(
        missing=_strings(document["missing"]),
        unresolved=tuple(Unresolved(str(item["key"]), str(item["reason"])) for item in unresolved),
        optimized_metric=None if metric is None else str(metric),
        interpreter=str(document["interpreter"]),
    )


def _line(document: JsonObject) -> bytes:
    return json.dumps(document).encode() + b"\n"


def _strings(value: Json) -> tuple[str, ...]:
    return tuple(str(item) for item in array_of(value))


def _integer(value: Json) -> int:
    if not isinstance(value, int):
        raise ValueError(f"expected a whole number, got {type(value).__name__}")  # noqa: TRY004 - malformed input
    return value
