"""The table of gcloud's form in docs/search-files.md names every field that the API has for a job and its parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import ROOT
from hydra_vertex.launcher.search_space.gcloud import OUTPUT_FIELDS
from hydra_vertex.pipelines.effect import without_effect_here
from hydra_vertex.pipelines.plan import TuningPlan, make_plan
from hydra_vertex.service.api.google_messages import message_class
from hydra_vertex.service.trials.engines.options import THIS_MACHINE_OPTIONS

LINE = re.compile(r"^\| ((?:`[\w.]+`(?:, )?)+) \| (.*) \| (.*) \|$", re.MULTILINE)
TEXT = (ROOT / "docs/search-files.md").read_text(encoding="utf-8")
ROWS = {name: (effect, here) for names, effect, here in LINE.findall(TEXT) for name in re.findall(r"`([\w.]+)`", names)}
PARTS = {
    "": (),
    "studySpec": ("studySpec",),
    "trialJobSpec": ("trialJobSpec",),
    "trialJobSpec.scheduling": ("trialJobSpec", "scheduling"),
    "trialJobSpec.workerPoolSpecs": ("trialJobSpec", "workerPoolSpecs"),
    "trialJobSpec.workerPoolSpecs.containerSpec": ("trialJobSpec", "workerPoolSpecs", "containerSpec"),
}
"""The messages whose fields the table lists; each field of another message goes with the field that contains it."""


def fields() -> Iterator[str]:
    for path in PARTS.values():
        message: Any = message_class("HyperparameterTuningJob").DESCRIPTOR
        for name in path:
            message = next(field for field in message.fields if field.json_name == name).message_type
        inner = {parts[len(path)] for parts in PARTS.values() if len(parts) > len(path) and parts[: len(path)] == path}
        yield from (".".join((*path, field.json_name)) for field in message.fields if field.json_name not in inner)


def test_every_field_of_the_api_is_documented_and_no_other() -> None:
    assert sorted(ROWS) == sorted(fields())


@pytest.mark.parametrize("name", sorted(OUTPUT_FIELDS - {"stoppingReason"}))
def test_a_field_that_a_service_sets_is_documented_so(name: str) -> None:
    assert ROWS[name][0].startswith("no effect: the service sets it")


def plan(folder: Path, **other: Any) -> TuningPlan:
    study = {
        "metrics": [{"metricId": "loss", "goal": "MINIMIZE"}],
        "parameters": [{"parameterId": "lr", "doubleValueSpec": {"minValue": 0, "maxValue": 1}}],
    }
    file = folder / "search.yaml"
    file.write_text(yaml.safe_dump({"studySpec": study, **other}))
    return make_plan(file, ("python", "train.py"))


VALUES: dict[str, Any] = {
    "reservedIpRanges": ["a"],
    "models": ["a"],
    "enableWebAccess": True,
    "enableDashboardAccess": True,
    "pscInterfaceConfig": {"networkAttachment": "a"},
    "restartJobOnWorkerRestart": True,
    "disableRetries": True,
    "strategy": "SPOT",
    "maxWaitDuration": "3s",
    "machineSpec": {"machineType": "n1"},
    "diskSpec": {"bootDiskSizeGb": 1},
    "nfsMounts": [{"server": "a"}],
    "lustreMounts": [{"instanceIp": "a"}],
    "encryptionSpec": {"kmsKeyName": "a"},
}
WITHOUT_EFFECT = sorted(name for name, (_, here) in ROWS.items() if here.startswith("no effect") and "." in name)


@pytest.mark.parametrize("name", ["encryptionSpec", *WITHOUT_EFFECT])
def test_a_field_without_effect_on_this_machine_is_named_when_it_is_used(tmp_path: Path, name: str) -> None:
    *path, field = name.split(".")
    value: Any = {field: VALUES.get(field, "a")}
    for part in reversed(path):
        value = {part: [value] if part == "workerPoolSpecs" else value}

    (sentence,) = without_effect_here(plan(tmp_path, **value), THIS_MACHINE_OPTIONS)

    assert f"{name} has no effect".replace("workerPoolSpecs", "workerPoolSpecs[0]") in sentence
