"""Conditions that are found: keys that an app has only under some options of a config group, in real apps."""

from __future__ import annotations

from pathlib import Path

import pytest

from hydra_vertex.job import (
    Categorical,
    ConditionalParameter,
    Domain,
    DoubleRange,
    Goal,
    IntegerRange,
    MetricSpec,
    ParameterSpec,
    StudySpec,
)
from hydra_vertex.launcher.preflight import conditions
from hydra_vertex.launcher.preflight.ask_app import App, asking
from hydra_vertex.launcher.preflight.check import check_space
from hydra_vertex.launcher.preflight.conditions import FoundConditions, find_conditions
from hydra_vertex.protocol.dialogue import Accepted, Question, Refused
from trial.apps import write_app

APP = ("python", "train.py")
FILES = {
    "conf/config.yaml": "defaults: [{optimizer: adam}, {sched: none}, {size: '1'}, _self_]\nlr: 0.1\n",
    "conf/optimizer/adam.yaml": "name: adam\nbeta: 0.9\n",
    "conf/optimizer/sgd.yaml": "name: sgd\nmomentum: 0.9\nnesterov: false\n",
    "conf/optimizer/rms.yaml": "name: rms\nmomentum: 0.9\nextra: ${sched.gamma}\n",
    "conf/sched/none.yaml": "name: none\n",
    "conf/sched/step.yaml": "name: step\ngamma: 0.1\n",
    "conf/size/1.yaml": "a: 1\n",
    "conf/size/2.yaml": "a: 1\nb: 1\n",
    "conf/size/3.yaml": "a: 1\nb: 1\n",
    "train.py": """
        import hydra

        @hydra.main(config_path="conf", config_name="config", version_base="1.3")
        def main(cfg):
            raise SystemExit(1)

        main()
        """,
}
OPTIMIZER = Categorical(("adam", "sgd", "rms"))
SHARE = DoubleRange(0.5, 0.9)


@pytest.fixture(autouse=True)
def _app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_app(tmp_path, **FILES)


def spec(*parameters: ParameterSpec) -> StudySpec:
    return StudySpec((MetricSpec("loss", Goal.MINIMIZE),), parameters)


def parameter(key: str, domain: Domain, *children: ConditionalParameter) -> ParameterSpec:
    return ParameterSpec(key, domain, None, children)


def found(*parameters: ParameterSpec) -> FoundConditions:
    with asking(APP) as pending:
        return find_conditions(pending.connected(), spec(*parameters))


def tree(parameters: tuple[ParameterSpec, ...]) -> dict[str, dict[str, object]]:
    return {p.id: {child.spec.id: child.when for child in p.children} for p in parameters}


def test_each_key_depends_on_the_options_that_have_it() -> None:
    result = found(
        parameter("lr", DoubleRange(0.1, 1.0)),
        parameter("optimizer.momentum", SHARE),
        parameter("optimizer.nesterov", Categorical(("true", "false"))),
        parameter("optimizer.name", Categorical(("a", "b"))),
        parameter("optimizer", OPTIMIZER),
        parameter("optimizer.beta", SHARE),
    )

    assert tree(result.spec.parameters) == {
        "lr": {},
        "optimizer.name": {},
        "optimizer": {
            "optimizer.momentum": ("sgd", "rms"),
            "optimizer.nesterov": ("sgd",),
            "optimizer.beta": ("adam",),
        },
    }
    assert result.notices[0] == (
        "optimizer.momentum is a parameter only of trials with optimizer=sgd, rms, because the app's config has the "
        "key only there"
    )
    assert result.findings == ()


def test_the_options_may_be_numbers() -> None:
    result = found(parameter("size", IntegerRange(1, 3)), parameter("size.b", IntegerRange(1, 4)))

    assert tree(result.spec.parameters) == {"size": {"size.b": (2.0, 3.0)}}
    assert check_space(APP, result.spec).findings == ()


def test_a_key_that_depends_on_two_groups_is_refused_with_the_next_step() -> None:
    Path("conf/size/1.yaml").write_text("# @package _global_\nsched: {gamma: 1}\nsize: {a: 1}\n")
    Path("conf/size/2.yaml").write_text("a: 1\n")
    result = found(
        parameter("sched", Categorical(("none", "step"))),
        parameter("size", Categorical(("2", "1"))),
        parameter("sched.gamma", SHARE),
    )
    (finding,) = result.findings
    assert finding.parameter == "sched.gamma"
    assert "depends on sched and size together" in finding.problem
    assert "choose an option of all but one of them in the app's command" in finding.problem


@pytest.mark.parametrize(
    "parameters",
    [
        (parameter("optimizer.momentum", SHARE), parameter("lr", SHARE)),
        (parameter("optimizer", OPTIMIZER), parameter("nothing", SHARE)),
        (parameter("optimizer", OPTIMIZER), parameter("+optimizer.momentum", SHARE)),
        (parameter("optimizer", OPTIMIZER, ConditionalParameter(("adam",), parameter("optimizer.momentum", SHARE))),),
        (parameter("optimizer", Categorical(("adam", "nowhere"))), parameter("optimizer.beta", SHARE)),
        (parameter("optimizer", Categorical(("sgd", "rms"))), parameter("optimizer.momentum", SHARE)),
    ],
    ids=["no group", "no such key", "an added key", "a condition of the file", "no such option", "every option"],
)
def test_what_is_no_condition_of_one_group_stays_as_it_is(parameters: tuple[ParameterSpec, ...]) -> None:
    assert found(*parameters) == FoundConditions(spec(*parameters))


def test_too_many_options_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditions, "MOST_OPTIONS", 2)
    parameters = (parameter("optimizer", OPTIMIZER), parameter("optimizer.beta", SHARE))

    assert found(*parameters) == FoundConditions(
        spec(*parameters), ("no conditions are looked for: 3 options, and at most 2",)
    )


def test_options_are_composed_one_at_a_time() -> None:
    with asking(APP) as pending:
        dialogue = pending.connected()
        groups = [parameter("optimizer", OPTIMIZER), parameter("size", Categorical(("1", "2", "3")))]
        asked = Counted(dialogue)
        find_conditions(asked, spec(*groups, parameter("sched", Categorical(("none", "step"))), parameter("lr", SHARE)))

    assert asked.count == 1 + 2 + 2 + 1


class Counted:
    """Counts the questions to an app."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.count = 0

    def ask(self, question: Question) -> Accepted | Refused:
        self.count += 1
        return self._app.ask(question)
