"""What passes check starts: generated apps and search spaces, checked and then run at random points.

GENERATED_APPS is the number of apps. The check and the trials' delivery run in this process, with the app's own loader;
a few apps are also run as a service would run them.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, make_dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, Optional, Union

import pytest
import yaml
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import MISSING
from omegaconf.errors import OmegaConfBaseException

from hydra_vertex.job import (
    Categorical,
    ConditionalParameter,
    Discrete,
    Domain,
    DoubleRange,
    Goal,
    IntegerRange,
    MeasurementSelection,
    MetricSpec,
    ParameterSpec,
    StudySpec,
)
from hydra_vertex.launcher.preflight.findings import CheckResult, Finding
from hydra_vertex.launcher.preflight.points import arguments_of, point_of, random_value
from hydra_vertex.launcher.preflight.space_check import SpaceCheck
from hydra_vertex.protocol.dialogue import (
    Accepted,
    Question,
    Refused,
    dump_answer,
    dump_question,
    parse_answer,
    parse_question,
)
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.trial.config.composition import AppConfig
from hydra_vertex.trial.dialogue import AppDialogue
from hydra_vertex.trial.overrides.arguments import Argument, override_texts, parse_arguments
from hydra_vertex.trial.overrides.delivery import deliver
from trial.apps import hydra_trial

APPS = int(os.environ.get("GENERATED_APPS", "15"))
POINTS = 10
RUN_FOR_REAL = 3


class Color(Enum):
    RED = 1
    BLUE = 2


VALUES: dict[str, tuple[Any, Any]] = {
    "float": (0.1, float),
    "int": (3, int),
    "bool": (True, bool),
    "str": ("adam", str),
    "null": (None, Optional[float]),  # noqa: UP045 - as apps write it
    "missing": ("???", int),
    "number_text": ("1.10", str),
    "list": ([8, 16], list[int]),
    "dict": ({"a": 1, "b": 2}, dict[str, int]),
    "color": ("RED", Color),
    "union": (1, Union[int, str]),  # noqa: UP007 - as apps write it
    "interpolation": ("${first}", Any),
}
"""Keys of a generated config: the value in the YAML, and the type in a structured config."""

DOMAINS: dict[str, Sequence[Domain]] = {
    "float": (DoubleRange(0.001, 1.0), DoubleRange(1.0, 8.0)),
    "int": (IntegerRange(1, 8), Discrete((1.0, 2.0))),
    "fraction": (Discrete((0.5, 1.0)),),
    "bool": (Categorical(("true", "false")),),
    "text": (Categorical(("adam", "sgd", "it's")),),
    "mixed": (Categorical(("relu", "null", "0.1", "false")),),
    "list": (Categorical(("[1,2]", "[3]")), Categorical(("[a]", "[]"))),
    "dict": (Categorical(("{a: 1}", "{a: 2, b: 3}")), Categorical(("{name: x}", "{T: 1}"))),
    "color": (Categorical(("RED", "BLUE")), Categorical(("RED", "GREEN"))),
}
TRAIN = """
import hydra

@hydra.main(config_path=".", config_name="main", version_base="1.3")
def main(cfg):
    return 1

if __name__ == "__main__":
    main()
"""
OPTIONS = ("small", "wide", "deep")


@dataclass(frozen=True)
class Generated:
    folder: Path
    given: tuple[str, ...]
    parameters: tuple[ParameterSpec, ...]
    is_structured: bool

    @property
    def spec(self) -> StudySpec:
        return StudySpec(
            (MetricSpec("loss", Goal.MINIMIZE),), self.parameters, measurement_selection=MeasurementSelection.LAST
        )


def generate(seed: int, folder: Path) -> Generated:
    source = random.Random(seed)  # noqa: S311 - test data
    keys = {name: VALUES[name] for name in source.sample(sorted(VALUES), source.randint(3, 8))}
    is_structured = source.random() < 0.4
    config: dict[str, Any] = {"first": 1, **{name: value for name, (value, _) in keys.items()}}
    defaults: list[Any] = ["_self_", {"model": source.choice(("small", "wide", None))}, {"experiment": None}]
    if source.random() < 0.3:
        defaults.append({"/model@other": "small"})
    if is_structured:
        register(f"schema{seed}", keys)
        defaults.insert(0, f"schema{seed}")
        config = {name: value for name, value in config.items() if name not in {"union", "missing"}}
    write(folder, "main", {"defaults": defaults, **config})
    write(folder, "model/small", {"depth": 1, "name": "small"})
    write(folder, "model/wide", {"depth": 1, "width": 8, "name": "wide"})
    write(folder, "model/deep", {"defaults": [{"block": "plain"}], "depth": 9, "width": "${.depth}"})
    write(folder, "model/block/plain", {"size": 1})
    write(folder, "model/block/res", {"size": 2, "skip": True})
    given = tuple(f"++set_{number}={number}" for number in range(source.randint(0, 2)))
    return Generated(folder, given, tuple(parameters(source, list(keys))), is_structured)


def register(name: str, keys: Mapping[str, tuple[Any, Any]]) -> None:
    fields: list[tuple[str, Any, Any]] = [("first", int, field(default=1))]
    for key, (value, annotation) in keys.items():
        default = MISSING if value == "???" else value
        if annotation is Color:
            default = Color.RED
        is_mutable = isinstance(default, (list, dict))
        made = field(default_factory=partial(copy, default)) if is_mutable else field(default=default)
        fields.append((key, annotation, made))
    ConfigStore.instance().store(name, make_dataclass("Schema", fields))


def write(folder: Path, name: str, content: object) -> None:
    path = folder / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content))


def parameters(source: random.Random, keys: list[str]) -> Iterator[ParameterSpec]:
    for key in source.sample(keys, min(len(keys), source.randint(1, 3))):
        yield ParameterSpec(key, domain_for(source, key))
    if source.random() < 0.5:
        width = ParameterSpec("model.width", IntegerRange(1, 16))
        when = ("wide",) if source.random() < 0.7 else ("small", "deep")
        block = ParameterSpec("model/block", Categorical(("plain", "res", "null")))
        children = (ConditionalParameter(when, width), ConditionalParameter(("deep",), block))
        yield ParameterSpec("model", Categorical(OPTIONS), None, children[: source.randint(0, 2)])
    elif source.random() < 0.3:
        yield ParameterSpec("model.depth", IntegerRange(1, 4))
    if source.random() < 0.1:
        yield ParameterSpec(source.choice(("absent", "+added", "++first", "other.depth")), IntegerRange(1, 4))


def domain_for(source: random.Random, key: str) -> Domain:
    """Return a domain that mostly suits the key."""
    fitting = {"str": "text", "number_text": "text", "null": "float", "missing": "int", "union": "mixed"}
    kind = fitting.get(key, key if key in DOMAINS else "mixed")
    return source.choice(DOMAINS[kind if source.random() < 0.85 else source.choice(sorted(DOMAINS))])


class InThisProcess:
    """The app's side of the dialogue without a process, but with the same lines."""

    def __init__(self, app: AppConfig) -> None:
        self._app = app
        self._dialogue = AppDialogue(self, ("app",), parse_arguments(app.given), parse_arguments)  # type: ignore[arg-type] # as `of`

    @property
    def compositions(self) -> int:
        return self._app.compositions

    def of(self, arguments: Sequence[Argument]) -> AppConfig:
        assert override_texts(arguments) == self._app.given
        return self._app

    def ask(self, question: Question, /) -> Accepted | Refused:
        answer = parse_answer(dump_answer(self._dialogue.answer(parse_question(dump_question(question)))))
        assert isinstance(answer, (Accepted, Refused)), answer
        return answer


def checked(generated: Generated, app: AppConfig) -> CheckResult:
    check = SpaceCheck(InThisProcess(app), generated.spec)
    check.run()
    return check.result()


def random_arguments(generated: Generated, seed: int) -> tuple[str, ...]:
    source = random.Random(seed)  # noqa: S311 - test data
    return arguments_of(point_of(generated.parameters, lambda p: random_value(p, source), {}))


def start(app: AppConfig, arguments: tuple[str, ...]) -> None:
    """Do what a trial and Hydra do until the app's main is called. Raises what they raise."""
    delivery = deliver(app, (*parse_arguments(app.given), *parse_arguments(arguments)))
    app.loader.load_configuration(app.config_name, list(delivery.overrides), run_mode=RunMode.RUN)


@pytest.fixture
def app_of() -> Iterator[Any]:
    def load(generated: Generated) -> AppConfig:
        GlobalHydra.instance().clear()
        initialize_config_dir(str(generated.folder), version_base="1.3")
        return AppConfig(GlobalHydra.instance().config_loader(), "main", generated.given)

    yield load
    GlobalHydra.instance().clear()


def test_what_passes_check_starts_and_what_it_refuses_does_not(tmp_path: Path, app_of: Any) -> None:
    passed, refused = [], 0
    for seed in range(APPS):
        generated = generate(seed, tmp_path / str(seed))
        app = app_of(generated)
        if findings := checked(generated, app).findings:
            refused += sum(is_refused_rightly(generated, app, finding) for finding in findings)
            continue
        passed.append(generated)
        for number in range(POINTS):
            arguments = random_arguments(generated, number)
            try:
                start(app, arguments)
            except Exception as error:
                pytest.fail(f"app {seed}, {arguments}: {error!r}")
    assert APPS * 0.25 < len(passed) < APPS * 0.95
    assert refused > APPS / 10
    for generated in [g for g in passed if not g.is_structured][:RUN_FOR_REAL]:
        run_as_a_service_would(generated)


def is_refused_rightly(generated: Generated, app: AppConfig, finding: Finding) -> bool:
    """Start the finding's point, if it does not depend on other parameters. Return whether there is one."""
    if finding.context or finding.parameter not in {parameter.id for parameter in generated.parameters}:
        return False
    with pytest.raises((UserError, HydraException, OmegaConfBaseException)):
        start(app, (f"--{finding.parameter}={finding.value}",))
    return True


def run_as_a_service_would(generated: Generated) -> None:
    (generated.folder / "app.py").write_text(TRAIN)
    arguments = random_arguments(generated, 0)
    ended = hydra_trial(generated.folder, "--metric", "loss", "--", "python", "app.py", *generated.given, *arguments)
    assert ended.returncode == 0, (arguments, ended.stderr)
    assert "loss = 1" in ended.stderr
