"""Realistic argument lists, each with what a person means by it. Written by hand, from the rules, not from a run."""

from __future__ import annotations

from trial.corpus import hydras_own, keys, numeric, strings, words
from trial.corpus.cases import Case

CORPUS: tuple[Case, ...] = (*numeric.CASES, *words.CASES, *strings.CASES, *keys.CASES, *hydras_own.CASES)
