"""Compares a command with the study that its run folder has, and takes over what only the folder knows. Pure.

The folder's plan has the conditions and the default values that a check of the app found, and the seed that was drawn.
A later command has them only after its own check, and the app's own values may have changed in the meantime.
"""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Mapping

from hydra_vertex.job import StudySpec, dump_study_spec, parse_study_spec, walk_parameters
from hydra_vertex.job.defaults import without_defaults
from hydra_vertex.job.seed import SEED_LABEL, seed_labels
from hydra_vertex.pipelines.plan import PipelineArguments
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import DocumentError, OutputError
from hydra_vertex.protocol.executor import parameter_text
from hydra_vertex.protocol.json import Json

_SPEC = "study_spec"
_LABELS = "labels"
_SEEDS = 2**31
"""Seeds are drawn from 0 on, below this number, as `--seed` takes them."""


def with_new_seed(asked: PipelineArguments) -> dict[str, str | int]:
    """Return the arguments with a seed that was drawn, unless they have one: it is written down with the study."""
    labels = _object(asked.get(_LABELS, ""))
    if SEED_LABEL in labels:
        return dict(asked)
    drawn = seed_labels(secrets.randbelow(_SEEDS))
    return {**asked, _LABELS: parameter_text({**labels, **drawn})}


def seed_of(asked: PipelineArguments) -> str:
    """Return the seed among the labels; empty for a study that an earlier version has started without one."""
    return str(_object(asked.get(_LABELS, "")).get(SEED_LABEL, ""))


def taken_over(
    known: Mapping[str, Json], asked: PipelineArguments, *, written: PipelineArguments | None = None
) -> dict[str, str | int]:
    """Return the arguments with the folder's own seed and study, where the command means the same study.

    `known` are the folder's arguments, and `written` those before the check of the app: a run without a check has
    begun with them. None: `asked` was not checked, and is also the same as a study whose conditions were found.
    Raises OutputError for another seed.
    """
    _require_seed(str(known.get(_LABELS, "")), str(asked[_LABELS]))
    result = dict(asked)
    spec, labels = known.get(_SPEC), known.get(_LABELS)
    if isinstance(spec, str) and _is_same(spec, str(asked[_SPEC]), None if written is None else str(written[_SPEC])):
        result[_SPEC] = spec
    if isinstance(labels, str) and _labels_with_seed_of(labels, str(asked[_LABELS])) == _object(labels):
        result[_LABELS] = labels
    return result


def _require_seed(known: str, asked: str) -> None:
    before, after = (_object(labels).get(SEED_LABEL) for labels in (known, asked))
    if after is not None and after != before:
        known_seed = "no seed" if before is None else f"the seed {before}"
        raise OutputError(
            f"--seed {after}: the study in the folder has {known_seed}; leave the option out to go on with it, or give "
            "--out a new folder"
        )


def _is_same(known: str, asked: str, written: str | None) -> bool:
    try:
        before, after, first = (_without_defaults(text) for text in (known, asked, written or asked))
    except DocumentError:
        return False
    if written is None and not any(parameter.children for parameter in after.parameters):
        before, after = _flat(before), _flat(after)
    return dump_study_spec(before) in (dump_study_spec(after), dump_study_spec(first))


def _without_defaults(text: str) -> StudySpec:
    return without_defaults(parse_study_spec(_object(text), _SPEC))


def _flat(spec: StudySpec) -> StudySpec:
    """Return the study without conditions, in an order that does not depend on them."""
    parameters = [dataclasses.replace(p, children=()) for p in walk_parameters(spec.parameters)]
    return dataclasses.replace(spec, parameters=tuple(sorted(parameters, key=lambda parameter: parameter.id)))


def _labels_with_seed_of(known: str, asked: str) -> Mapping[str, Json]:
    seed = _object(known).get(SEED_LABEL)
    labels = _object(asked)
    return labels if seed is None or SEED_LABEL in labels else {**labels, SEED_LABEL: seed}


def _object(text: str | int) -> Mapping[str, Json]:
    try:
        value = json.loads(str(text))
    except ValueError:
        return {}
    return value if isinstance(value, Mapping) else {}
