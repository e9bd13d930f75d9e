"""Realistic argument lists, each with what a person means by it. Written by hand, from the rules, not from a run."""

from __future__ import annotations

from importlib.metadata import version

from trial.corpus import hydras_own, keys, numeric, strings, words
from trial.corpus.cases import Case

CORPUS: tuple[Case, ...] = (*numeric.CASES, *words.CASES, *strings.CASES, *keys.CASES, *hydras_own.CASES)


def writable_cases() -> tuple[Case, ...]:
    """Those that the installed Hydra's override grammar has a way to write: nearly all."""
    installed = _numbers(version("hydra-core"))
    return tuple(case for case in CORPUS if installed >= _numbers(case.hydra))


def _numbers(version_text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version_text.split(".")[:2])
