"""Checks that a key of the app's config accepts the seeds of the repeats of a configuration. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from hydra_vertex.protocol.dialogue import Accepted, Refused
from hydra_vertex.protocol.explanation import Composition

from .findings import Finding
from .own_values import NoValueError, OwnValues

_OPTION = "--seed-key"
_ACCEPTS_A_SEED = frozenset({"int", "Optional[int]", "any"})


def seed_argument(key: str, seed: int) -> str:
    """Return the argument with which the app is asked whether it accepts a seed for the key."""
    return f"--{key}={seed}"


def seed_findings(key: str, seeds: range, answer: Accepted | Refused) -> Iterator[Finding]:
    """Yield the finding, if any, of an answer to a question with the argument for the first seed.

    The problems of other arguments are left out: they are found without the key.
    """
    argument = seed_argument(key, seeds[0])
    if isinstance(answer, Refused):
        own = [problem for problem in answer.problems if problem.argument in ("", argument)]
        yield from (Finding(f"{_OPTION} {key}: {problem.message}", _OPTION) for problem in own[:1])
        return
    for name in [item.type for item in answer.arguments if item.argument == argument][:1]:
        if name not in _ACCEPTS_A_SEED:
            yield Finding(f"{_OPTION} {key}: the key's type is {name}; a seed needs int or null", _OPTION)


def own_seed_findings(key: str, seeds: range, composition: Composition) -> Iterator[Finding]:
    """Yield a finding when the study itself runs with one of the seeds: the repeat would be the study's own trial.

    A seed that only the app's own resolvers know is not compared.
    """
    try:
        own = OwnValues(composition).value(key.lstrip("+"))
    except NoValueError:
        return
    if isinstance(own, int) and not isinstance(own, bool) and own in seeds:
        yield Finding(
            f"{_OPTION} {key}: the study runs with {key} = {own}, which is one of the seeds {seeds[0]} to {seeds[-1]} "
            "of the repeats; choose others with --first-seed",
            _OPTION,
        )
