"""Realistic argument lists with their expected results, written by hand from the rules, not recorded from a run."""

from __future__ import annotations

from importlib.metadata import version

from trial.corpus import hydras_own, keys, numeric, strings, words
from trial.corpus.cases import Case

CORPUS: tuple[Case, ...] = (*numeric.CASES, *words.CASES, *strings.CASES, *keys.CASES, *hydras_own.CASES)


def writable_cases() -> tuple[Case, ...]:
    """Return the cases that the installed Hydra's override grammar can express: nearly all."""
    installed = _numbers(version("hydra-core"))
    return tuple(case for case in CORPUS if installed >= _numbers(case.hydra))


def _numbers(version_text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version_text.split(".")[:2])
