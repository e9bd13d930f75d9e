"""The scheduling strategies of Vertex AI, by the words of the command line and by the names of the API. Pure.

Source of the names: Scheduling.Strategy in google/cloud/aiplatform/v1/custom_job.proto.
"""

from __future__ import annotations

from collections.abc import Mapping

from hydra_vertex.job import TrialJobSpec
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.json import Json
from hydra_vertex.protocol.suggestions import suggest

STANDARD = "STANDARD"
SPOT = "SPOT"
FLEX_START = "FLEX_START"

WORDS: Mapping[str, str] = {
    "spot": SPOT,
    "flex-start": FLEX_START,
    "flex": FLEX_START,
    "on-demand": STANDARD,
    "standard": STANDARD,
}
"""The words of the command line. The names of the API are accepted too."""
_DEPRECATED = {"ON_DEMAND": STANDARD, "LOW_COST": SPOT}
_NUMBERS = {0: STANDARD, 1: STANDARD, 2: SPOT, 3: STANDARD, 4: SPOT, 6: FLEX_START}
_NAMES = {STANDARD: "on-demand", SPOT: "spot", FLEX_START: "flex-start"}


def parse_strategies(text: str) -> tuple[str, ...]:
    """Return the API's names of a list such as `spot,flex-start,on-demand`.

    Raises ValueError when a word is not a strategy, or when a strategy is listed twice.
    """
    found: list[str] = []
    for word in (part.strip() for part in text.split(",")):
        name = WORDS.get(word.lower().replace("_", "-")) or _DEPRECATED.get(word)
        if name is None:
            raise ValueError(
                f"{excerpt(repr(word))} is not a strategy{suggest(word, list(WORDS))}; "
                "expected a list of spot, flex-start and on-demand, such as spot,on-demand"
            )
        if name in found:
            raise ValueError(f"{word} is listed twice in {excerpt(text)}; list each strategy once")
        found.append(name)
    return tuple(found)


def strategy_of(spec: TrialJobSpec) -> str:
    """Return the API's name of a trial's strategy, with the service's default and the current names of deprecated ones.

    A name that the API gets later is returned as it is.
    """
    return _canonical(spec.scheduling.get("strategy"))


def word_of(strategy: str) -> str:
    """Return a strategy as the command line has it."""
    return _NAMES.get(strategy, strategy)


def _canonical(value: Json) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _NUMBERS.get(int(value), str(value))
    if not isinstance(value, str) or value in {"", "STRATEGY_UNSPECIFIED"}:
        return STANDARD
    return _DEPRECATED.get(value, value)
