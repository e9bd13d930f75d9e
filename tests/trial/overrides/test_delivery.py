"""Conversion of a whole command line, groups and values, with a composed config."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hypothesis import given, settings
from hypothesis import strategies as st

from hydra_vertex.protocol.errors import ArgumentError
from hydra_vertex.protocol.explanation import ArgumentKind, Explanation
from hydra_vertex.trial.config.composition import AppConfig
from hydra_vertex.trial.overrides.arguments import override_texts, parse_arguments
from hydra_vertex.trial.overrides.delivery import Delivery, deliver
from hydra_vertex.trial.overrides.explain import explain
from trial.apps import write_app


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppConfig]:
    folder: Path = write_app(tmp_path_factory.mktemp("app"))
    with initialize_config_dir(str(folder / "conf"), version_base=None):
        yield AppConfig(GlobalHydra.instance().config_loader(), "config")


def _deliver(app: AppConfig, *arguments: str) -> Delivery:
    parsed = parse_arguments(arguments)
    return deliver(replace(app, given=override_texts(parsed)), parsed)


def _explain(app: AppConfig, *arguments: str) -> Explanation:
    given = replace(app, given=override_texts(parse_arguments(arguments)))
    return explain(given, _deliver(app, *arguments), ("python", "train.py"))


@pytest.mark.parametrize(
    ("arguments", "overrides"),
    [
        (["--lr=1"], ["lr=1.0"]),
        (["--steps", "64.0", "name=x", "--name=true"], ["steps=64", "name=x", "name='true'"]),
        (["--opt.beta=1", "--opt=adam"], ["opt.beta=1.0", "opt=adam"]),
        (["--opt.nesterov=1.0", "opt=sgd"], ["opt.nesterov=true", "opt=sgd"]),
        (["--db=null"], ["~db"]),
        (["--opt=null"], ["~opt"]),
        (["--extra=null"], []),
        (["--extra=some", "--extra.level=3.0"], ["+extra=some", "extra.level=3"]),
        (["--db/engine=memory", "--db.engine.size=4"], ["db/engine=memory", "db.engine.size=4"]),
        (["db=pg", "--db/engine=memory"], ["db=pg", "+db/engine=memory"]),
        (["--db@src=pg", "--src.schema=1"], ["+db@src=pg", "src.schema='1'"]),
        (["--db={port: 1}"], ["db={port: 1}"]),
        (["--opt=adam", "--opt=sgd"], ["opt=sgd"]),
        (["--extra=some", "--extra=more"], ["+extra=more"]),
        (["--db=null", "--db=pg"], ["db=pg"]),
        (["--layers=[1,2]", "--layers.0=3.0"], ["layers=[1,2]", "layers.0=3"]),
        (["--anything=[1,a]"], ["anything=[1,a]"]),
        (["--experiment=big", "--db.schema=s"], ["experiment=big", "db.schema=s"]),
        (["--hydra.run.dir=/x y"], ["hydra.run.dir='/x y'"]),
    ],
)
def test_every_parameter_becomes_an_override_in_its_place(
    app: AppConfig, arguments: list[str], overrides: list[str]
) -> None:
    delivery = _deliver(app, *arguments)
    assert list(delivery.overrides) == overrides
    app.compose(delivery.overrides)


def test_flags_precede_the_overrides(app: AppConfig) -> None:
    assert _deliver(app, "steps=1", "-cn", "config", "--lr=2", "-m").command == (
        "-cn",
        "config",
        "-m",
        "steps=1",
        "lr=2.0",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--lrr=1"], r"--lrr=1: the app's config has no key 'lrr'; did you mean 'lr'\?"),
        (["--db.hots=x"], r"no key 'db.hots'; did you mean 'db.host'\?"),
        (["--opt.beta=1"], r"no key 'opt.beta'"),
        (["--steps=1.5"], r"steps='1.5': the key is an int; expected a whole number"),
        (["--lr=fast"], r"lr='fast': the key is a float; expected a number"),
        (
            ["--opt=adma"],
            r"not an option of this config group; did you mean 'adam'\? \(allowed: adam, sgd\)",
        ),
        (["--optt/x=adam"], r"no config group 'optt/x'"),
        (["--db=pg", "~db"], r"--db=pg: Hydra still chooses 'null'"),
        (["--lr=1", "nope=3"], r"Hydra cannot compose the app's config: Could not override 'nope'"),
        (["--lr=1", "steps=a=b"], r"Hydra cannot compose the app's config"),
    ],
)
def test_an_error_names_the_value_seen_and_the_allowed_values(
    app: AppConfig, arguments: list[str], message: str
) -> None:
    with pytest.raises(ArgumentError, match=message):
        _deliver(app, *arguments)


def test_the_arguments_are_explained_one_by_one(app: AppConfig) -> None:
    explained = _deliver(app, "--lr", "1", "--opt=sgd", "-cn", "config", "steps=3").arguments
    assert [(a.argument, a.kind, a.key, a.type, a.override) for a in explained] == [
        ("--lr 1", ArgumentKind.VALUE, "lr", "float", "lr=1.0"),
        ("--opt=sgd", ArgumentKind.GROUP, "opt", "config group", "opt=sgd"),
        ("-cn config", ArgumentKind.HYDRA, "", "", "-cn config"),
        ("steps=3", ArgumentKind.HYDRA, "", "", "steps=3"),
    ]


def test_the_configs_around_a_command_line_are_composed(app: AppConfig) -> None:
    explanation = _explain(app, "--lr=1", "--opt=sgd", "experiment=big", "--extra=some", "--opt.momentum=0.9")
    assert explanation.app_default.choices == {"db": "mysql", "db/engine": "inno", "opt": None, "experiment": None}
    assert explanation.base.config["steps"] == 1000
    assert explanation.base.choices["opt"] is None
    assert explanation.composed.choices == {"db": "pg", "opt": "sgd", "experiment": "big", "extra": "some"}
    assert explanation.composed.config["opt"] == {"momentum": 0.9, "nesterov": False}
    assert explanation.choices_only.choices == {"db": "pg", "opt": "sgd", "experiment": None, "extra": "some"}
    assert explanation.choices_only.config["opt"] == {"momentum": 0.0, "nesterov": False}
    assert explanation.choices_only.config["steps"] == 10
    assert explanation.groups["db/engine"] == ("inno", "memory")
    assert "hydra" not in explanation.composed.config


def test_a_users_override_may_depend_on_a_choice_of_a_parameter(app: AppConfig) -> None:
    explanation = _explain(app, "--opt=sgd", "opt.momentum=0.5")
    assert explanation.base.config["opt"] == {"momentum": 0.5, "nesterov": False}


_FORMS = {
    "--{key}={value}": ["--{key}={value}"],
    "--{key} {value}": ["--{key}", "{value}"],
    "{key}={value}": ["{key}={value}"],
    "++{key}={value}": ["++{key}={value}"],
}
_SETS = st.tuples(st.sampled_from(sorted(_FORMS)), st.sampled_from(["steps", "port"]), st.integers(-9, 9))
_FLAGS = st.sampled_from([["-cn", "config"], ["--run"], ["--config-name=config"]])


@given(st.lists(_SETS | _FLAGS, min_size=1, max_size=9))
@settings(max_examples=30, deadline=None)
def test_the_last_argument_of_any_form_takes_effect_and_flags_come_first(
    app: AppConfig, written: list[tuple[str, str, int] | list[str]]
) -> None:
    names = {"steps": "steps", "port": "db.port"}
    sets = [item for item in written if isinstance(item, tuple)]
    arguments = [
        word.format(key=names[item[1]], value=item[2]) if isinstance(item, tuple) else word
        for item in written
        for word in (_FORMS[item[0]] if isinstance(item, tuple) else item)
    ]
    delivery = _deliver(app, *arguments)
    config = app.compose(delivery.overrides)
    expected = {"steps": 10, "port": 3306} | {key: value for _, key, value in sets}
    assert {"steps": config.steps, "port": config.db.port} == expected
    flags = [word for item in written if isinstance(item, list) for word in item]
    assert list(delivery.command) == [
        *flags,
        *(f"{'++' * form.startswith('++')}{names[key]}={value}" for form, key, value in sets),
    ]


def test_of_several_parameters_that_add_a_key_the_last_one_counts(app: AppConfig) -> None:
    assert _deliver(app, "--+fold=0", "--+fold=1").overrides == ("+fold=1",)
