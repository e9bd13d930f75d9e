"""Finds arguments of the app with which a trial would not be one run of the app. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.explanation import ArgumentKind, ExplainedArgument

_MULTIRUN = frozenset({"--multirun", "-m"})
_PRINTS = frozenset(
    {"--help", "-h", "--hydra-help", "--version", "--cfg", "-c", "--info", "-i", "--shell-completion", "-sc"}
)


def not_single_run(arguments: Sequence[ExplainedArgument]) -> Iterator[str]:
    """Yield a sentence for a flag that makes a sweep or only prints, and for an override with several values."""
    for argument in arguments:
        if argument.kind is ArgumentKind.HYDRA and (problem := _problem(argument.argument)):
            yield problem


def _problem(argument: str) -> str:
    name = argument.partition("=")[0].partition(" ")[0]
    if name in _MULTIRUN:
        return f"{name}: would make each trial a sweep; remove it"
    if name in _PRINTS:
        return f"{name}: Hydra prints something and does not run the app; remove it"
    if name.lstrip("+") == "hydra.mode" and argument.partition("=")[2].strip("'\"").upper() == "MULTIRUN":
        return f"{excerpt(argument)}: would make each trial a sweep; remove it"
    if not name.startswith("-") and _is_sweep(argument):
        return (
            f"{excerpt(argument)}: has several values, and a trial is one run; write one value, or move the key to "
            "hydra.sweeper.params in the search file"
        )
    return ""


def _is_sweep(override: str) -> bool:
    try:
        return OverridesParser.create().parse_override(override).is_sweep_override()
    except HydraException:
        return False  # Hydra itself refuses it when it composes the config.
