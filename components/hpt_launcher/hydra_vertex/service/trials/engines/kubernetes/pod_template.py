"""The user's Pod template: what it may not state, and how it is merged under the Pod of a worker. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from hydra_vertex.job.quoting import quoted
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.protocol.metric_stream import MARKER
from hydra_vertex.service.trials.engines import cluster_environ

from .documents import objects, text

CONTAINER = "trial"
"""The name of the container in which a worker runs. A container of this name in the template is merged with it."""

PREFIX = "hydra-vertex/"
"""The prefix of the labels and annotations that the engine sets."""

_SECTIONS = {"": ("metadata", "spec"), "metadata": ("labels", "annotations")}
_OWN_SPEC = ("restartPolicy", "activeDeadlineSeconds", "terminationGracePeriodSeconds", "hostname", "subdomain")
_OWN_CONTAINER = ("image", "command", "args", "terminationMessagePath", "terminationMessagePolicy")
_OWN_VARIABLES = ("CLOUD_ML_", "AIP_", MARKER)
_CONTAINER_PATH = f"podTemplate.spec.containers[{CONTAINER}]"
_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_BY_NAME = ("containers", "initContainers", "env", "volumes", "imagePullSecrets")
_BY_PATH = {"volumeMounts": "mountPath"}


def check_template(template: JsonObject) -> None:
    """Check the sections of a template, and that it states nothing that the engine sets. Raises UserError."""
    for section, allowed in _SECTIONS.items():
        part = template if not section else template.get(section, {})
        path = f"podTemplate.{section}".rstrip(".")
        if not isinstance(part, Mapping):
            raise UserError(f"engine kubernetes: {path}: expected a mapping, got {quoted(part)}")
        if unknown := sorted(set(part) - set(allowed)):
            raise UserError(
                f"engine kubernetes: {path}: unknown key {unknown[0]!r}; a template has {' and '.join(allowed)}"
            )
    spec = template.get("spec", {})
    if not isinstance(spec, Mapping):
        raise UserError(f"engine kubernetes: podTemplate.spec: expected a mapping, got {quoted(spec)}")
    for kind in ("labels", "annotations"):
        check_labels(_texts(template, kind), f"podTemplate.metadata.{kind}", are_values_free=kind == "annotations")
    _refuse(spec, _OWN_SPEC, "podTemplate.spec")
    _check_containers(spec)
    _check_variables(variable_names(template))


def variable_names(template: JsonObject) -> tuple[str, ...]:
    """Return the names of the variables that a template gives the worker's container."""
    containers = (item for item in objects(template, "spec", "containers") if text(item, "name") == CONTAINER)
    return tuple(text(variable, "name") for container in containers for variable in objects(container, "env"))


def check_labels(labels: Mapping[str, str], path: str, *, are_values_free: bool = False) -> None:
    """Check that these can be labels, or annotations, and that the engine sets none of them. Raises UserError."""
    for name, value in labels.items():
        if name.startswith(PREFIX):
            raise UserError(f"engine kubernetes: {path}.{name}: the engine sets what begins with {PREFIX}")
        if not _KEY.fullmatch(name) or not (are_values_free or _VALUE.fullmatch(value)):
            raise UserError(
                f"engine kubernetes: {path}.{name}: expected a label as in kueue.x-k8s.io/queue-name: trials, "
                f"got {quoted(value)}"
            )


def is_label(name: str, value: str) -> bool:
    """Whether Kubernetes accepts this as a label."""
    return bool(_KEY.fullmatch(name) and _VALUE.fullmatch(value))


def merged(template: Json, own: Json, key: str = "") -> Json:
    """Merge the engine's document over the template's: objects by key, lists of named items by name, others replaced.

    Tolerations are added to each other; a variable replaces one of its name.
    """
    if isinstance(template, Mapping) and isinstance(own, Mapping):
        names = {**template, **own}
        return {name: merged(template.get(name), own.get(name), name) for name in names}
    if isinstance(template, list) and isinstance(own, list):
        return _merged_lists(template, own, key)
    return template if own is None else own


def _merged_lists(template: list[Json], own: list[Json], key: str) -> list[Json]:
    if key == "tolerations":
        return [*own, *(item for item in template if item not in own)]
    name = "name" if key in _BY_NAME else _BY_PATH.get(key, "")
    if not name:
        return own
    ours = {text(item, name): item for item in own}
    theirs = {text(item, name): item for item in template}
    # A variable has a value or a source: the two cannot be merged.
    first = [item if key == "env" else merged(theirs.get(label), item, "") for label, item in ours.items()]
    rest = [item for label, item in theirs.items() if label not in ours]
    # The worker's container is first, where kubectl looks; the template's variables are first, so that others can
    # refer to them.
    return [*rest, *first] if key == "env" else [*first, *rest]


def _check_containers(spec: JsonObject) -> None:
    containers = spec.get("containers", [])
    named = isinstance(containers, list) and all(text(item, "name") for item in containers)
    if not named:
        raise UserError("engine kubernetes: podTemplate.spec.containers: expected a list of objects with a name")
    names = [text(container, "name") for container in objects(spec, "containers")]
    if twice := [name for name in names if names.count(name) > 1]:
        raise UserError(f"engine kubernetes: podTemplate.spec.containers: the name {twice[0]!r} stands there twice")
    for container in objects(spec, "containers"):
        if text(container, "name") != CONTAINER:
            continue
        _refuse(container, _OWN_CONTAINER, _CONTAINER_PATH)


def _check_variables(names: tuple[str, ...]) -> None:
    for name in names:
        if name.startswith(_OWN_VARIABLES):
            raise UserError(
                f"engine kubernetes: {_CONTAINER_PATH}.env: {name} identifies the trial, and the engine sets it"
            )
        if name in cluster_environ.NAMES:
            raise UserError(
                f"engine kubernetes: {_CONTAINER_PATH}.env: {name} tells several workers of each other, and the engine "
                "sets it; leave it out"
            )


def _refuse(part: JsonObject, own: tuple[str, ...], path: str) -> None:
    stated = [name for name in own if name in part]
    if stated:
        raise UserError(f"engine kubernetes: {path}.{stated[0]}: the engine sets it from the job; leave it out")


def _texts(template: JsonObject, kind: str) -> dict[str, str]:
    metadata = template.get("metadata", {})
    values = metadata.get(kind, {}) if isinstance(metadata, Mapping) else {}
    if not isinstance(values, Mapping) or not all(isinstance(value, str) for value in values.values()):
        raise UserError(f"engine kubernetes: podTemplate.metadata.{kind}: expected a mapping of texts")
    return {name: str(value) for name, value in values.items()}
