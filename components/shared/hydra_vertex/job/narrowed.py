"""That a study's space was narrowed to earlier trials, as a label of the job: the API has no field for it."""

from __future__ import annotations

import re
from collections.abc import Mapping

NARROWED_LABEL = "hydra-vertex-narrowed"
_FORM = re.compile(r"(\d+)-parameters_(\d+)-trials_(\d+)-sources", re.ASCII)


def narrowed_labels(parameters: int, trials: int, sources: int) -> dict[str, str]:
    """Return the label: how many parameters were narrowed to how many trials of how many sources."""
    return {NARROWED_LABEL: f"{parameters}-parameters_{trials}-trials_{sources}-sources"}


def narrowed_text(labels: Mapping[str, str]) -> str:
    """Return what the label says, for a reader; empty without it, and for a text of another form."""
    found = _FORM.fullmatch(labels.get(NARROWED_LABEL, ""))
    if found is None:
        return ""
    parameters, trials, sources = (digits.lstrip("0")[:9] or "0" for digits in found.groups())
    return (
        f"The search space was narrowed in {_counted(parameters, 'parameter', 'parameters')} to the best "
        f"{_counted(trials, 'trial', 'trials')} of {_counted(sources, 'earlier study', 'earlier studies')} (--narrow): "
        "no value outside was tried, and the search neither began with these trials nor knew them"
    )


def _counted(number: str, one: str, several: str) -> str:
    return f"{number} {one if number == '1' else several}"
