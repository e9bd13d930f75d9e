"""The settings of the Kubernetes engine: the keys of its config file, read and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.json import Json, JsonObject

from .machines import Machine, parse_machine
from .pod_template import check_labels, check_template
from .setting_values import mapping_of, texts_of, wrong

KEYS = (
    "namespace",
    "context",
    "kubeconfig",
    "machines",
    "podTemplate",
    "labels",
    "priorityClassName",
    "owner",
    "outputs",
    "unschedulableLimit",
    "nodeLossLimit",
    "ttlSecondsAfterFinished",
)
"""The keys of the config file."""

OWNER_KINDS = {"Pod": "v1", "Job": "batch/v1"}
LABEL = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_DURATION = re.compile(r"([0-9]+)(s|m|h|d)?")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Owner:
    """The object with which everything ends that the engine creates: found by itself, none, or named by the user."""

    is_automatic: bool = True
    kind: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of the engine. An empty text means that the kubeconfig or the cluster decides.

    `outputs` maps prefixes of output folders and URIs to what workers see. `unschedulable_limit_s` is how long a Pod
    may wait for a node, or a Job for quota; None means for ever. `node_loss_limit_s` is how long a Pod stays on a node
    that does not answer.
    """

    namespace: str = ""
    context: str = ""
    kubeconfig: str = ""
    machines: Mapping[str, Machine] = field(default_factory=dict)
    pod_template: JsonObject = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    priority_class: str = ""
    owner: Owner = field(default_factory=Owner)
    outputs: Mapping[str, str] = field(default_factory=dict)
    unschedulable_limit_s: int | None = None
    node_loss_limit_s: int = 60
    ttl_s: int = 7 * 86400


def parse_settings(document: JsonObject) -> Settings:
    """Read the keys of the config file. Raises UserError for an unknown key, a wrong type and a wrong value."""
    unknown = sorted(set(document) - set(KEYS))
    if unknown:
        raise UserError(f"engine kubernetes: unknown key {unknown[0]!r}; the keys are {', '.join(KEYS)}")
    given = {key: value for key, value in document.items() if value is not None}
    labels = texts_of(given.get("labels"), "labels")
    check_labels(labels, "labels")
    machines = mapping_of(given.get("machines"), "machines")
    template = mapping_of(given.get("podTemplate"), "podTemplate")
    check_template(template)
    priority = _text(given, "priorityClassName")
    if priority and isinstance(spec := template.get("spec"), Mapping) and spec.get("priorityClassName"):
        raise UserError("engine kubernetes: priorityClassName stands in podTemplate.spec too; give it once")
    return Settings(
        namespace=_namespace(given),
        context=_text(given, "context"),
        kubeconfig=_text(given, "kubeconfig"),
        machines={name: parse_machine(name, value) for name, value in machines.items()},
        pod_template=template,
        labels=labels,
        priority_class=priority,
        owner=_owner(given.get("owner", "auto")),
        outputs=texts_of(given.get("outputs"), "outputs"),
        unschedulable_limit_s=_seconds(given, "unschedulableLimit") if "unschedulableLimit" in given else None,
        node_loss_limit_s=_seconds(given, "nodeLossLimit", 60),
        ttl_s=_seconds(given, "ttlSecondsAfterFinished", 7 * 86400, least=600),
    )


def _namespace(given: JsonObject) -> str:
    namespace = _text(given, "namespace")
    if namespace and not DNS_LABEL.fullmatch(namespace):
        raise wrong("namespace", "expected a name of lowercase letters, digits and '-'", namespace)
    return namespace


def _owner(value: Json) -> Owner:
    if value in ("auto", "none"):
        return Owner(is_automatic=value == "auto")
    if isinstance(value, Mapping) and set(value) == {"kind", "name"}:
        kind, name = value["kind"], value["name"]
        if isinstance(kind, str) and kind in OWNER_KINDS and isinstance(name, str) and name:
            return Owner(is_automatic=False, kind=kind, name=name)
    raise wrong("owner", "expected auto, none, or {kind: Pod, name: NAME} (or kind: Job)", value)


def _text(given: JsonObject, key: str) -> str:
    value = given.get(key, "")
    if not isinstance(value, str):
        raise wrong(key, "expected a text", value)
    return value


def _seconds(given: JsonObject, key: str, default: int = 0, least: int = 0) -> int:
    value = given.get(key, default)
    match = _DURATION.fullmatch(str(value)) if isinstance(value, (int, str)) and not isinstance(value, bool) else None
    seconds = int(match[1]) * _UNITS[match[2] or ""] if match else -1
    if not least <= seconds <= 10 * 365 * 86400:
        raise wrong(key, f"expected seconds, or a duration such as 90s, 10m, 6h or 7d, of at least {least} s", value)
    return seconds
