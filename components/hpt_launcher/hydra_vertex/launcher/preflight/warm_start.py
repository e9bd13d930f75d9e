"""Checks that a key of the app's config accepts the path of a checkpoint. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from hydra_vertex.protocol.dialogue import Accepted, Refused

from .findings import Finding

_OPTION = "--warm-start"
_PATH = "/gcs/bucket/checkpoints/last.ckpt"
_ACCEPTS_A_PATH = frozenset({"str", "Path", "any", "Optional[str]", "Optional[Path]"})


def argument_for(key: str) -> str:
    """Return the argument with which the app is asked whether it accepts a path for the key."""
    return f"--{key}={_PATH}"


def warm_start_findings(key: str, answer: Accepted | Refused) -> Iterator[Finding]:
    """Yield the finding, if any, of an answer to a question with the argument for the key.

    The problems of other arguments are left out: they are found without the key.
    """
    if isinstance(answer, Refused):
        own = [problem for problem in answer.problems if problem.argument in ("", argument_for(key))]
        yield from (Finding(f"{_OPTION} {key}: {problem.message}", _OPTION) for problem in own[:1])
        return
    types = [item.type for item in answer.arguments if item.argument == argument_for(key)]
    for name in types[:1]:
        if name not in _ACCEPTS_A_PATH:
            text = f"{_OPTION} {key}: the key's type is {name}; a checkpoint needs str, Path or null"
            yield Finding(text, _OPTION)
