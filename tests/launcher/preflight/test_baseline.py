"""The app's own config as the defaults of a search space, in real apps."""

from __future__ import annotations

from pathlib import Path

import pytest

from hydra_vertex.job import (
    Algorithm,
    Categorical,
    ConditionalParameter,
    Discrete,
    Domain,
    DoubleRange,
    Goal,
    IntegerRange,
    MetricSpec,
    ParameterSpec,
    ParameterValue,
    StudySpec,
    walk_parameters,
)
from hydra_vertex.job.defaults import default_parameters
from hydra_vertex.launcher.preflight.check import check_space
from hydra_vertex.launcher.preflight.findings import CheckResult
from hydra_vertex.launcher.preflight.values_of_space import value_in
from hydra_vertex.protocol.json import Json
from trial.apps import write_app

APP = ("python", "train.py")
FILES = {
    "conf/config.yaml": """
        defaults: [{optimizer: adam}, {opt: null}, _self_]
        base: 0.1
        lr: ${base}
        depth: 3
        decay: 0
        act: null
        text: '1'
        max_steps: 5
        unset: ???
        home: ${oc.env:HV_WIDTH}
        own: ${twice:4}
        layers: {sizes: [1, 2], kind: a}
        """,
    "conf/optimizer/adam.yaml": "name: adam\nbeta: 0.9\n",
    "conf/optimizer/sgd.yaml": "name: sgd\nmomentum: 0.9\n",
    "conf/opt/some.yaml": "x: 1\n",
    "train.py": """
        import hydra
        from omegaconf import OmegaConf

        OmegaConf.register_new_resolver("twice", lambda number: 2 * number)

        @hydra.main(config_path="conf", config_name="config", version_base="1.3")
        def main(cfg):
            raise SystemExit(1)

        main()
        """,
}
OPTIMIZER = Categorical(("sgd", "adam"))


@pytest.fixture(autouse=True)
def _app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HV_WIDTH", "8")
    write_app(tmp_path, **FILES)


def parameter(key: str, domain: Domain, *children: ConditionalParameter) -> ParameterSpec:
    return ParameterSpec(key, domain, None, children)


def check(*parameters: ParameterSpec, command: tuple[str, ...] = APP, **options: object) -> CheckResult:
    study = StudySpec((MetricSpec("loss", Goal.MINIMIZE),), parameters)
    return check_space(command, study, **options)  # type: ignore[arg-type] # the tests name the options


def defaults(result: CheckResult) -> dict[str, ParameterValue | int | None]:
    assert result.study_spec is not None
    return {p.id: p.domain.default for p in walk_parameters(result.study_spec.parameters)}


def notices(result: CheckResult) -> str:
    return "\n".join(result.notices)


def test_the_app_s_own_values_are_the_defaults() -> None:
    result = check(
        parameter("lr", DoubleRange(0.001, 1.0)),
        parameter("depth", IntegerRange(1, 8)),
        parameter("decay", DoubleRange(0.0, 1.0)),
        parameter("act", Categorical(("relu", "null"))),
        parameter("max-steps", Discrete((1.0, 5.0))),
        parameter("home", IntegerRange(1, 8)),
        parameter("layers.sizes", Categorical(("[1,2]", "[3]"))),
        parameter("opt", Categorical(("null", "some"))),
        parameter("optimizer", OPTIMIZER),
        parameter("optimizer.beta", DoubleRange(0.5, 0.99)),
        parameter("optimizer.momentum", DoubleRange(0.5, 0.99)),
        command=(*APP, "depth=4"),
        sweeps=("decay=interval(0, 1)",),
    )

    assert result.findings == ()
    assert defaults(result) == {
        "lr": 0.1,
        "depth": 4,
        "decay": 0.0,
        "act": "null",
        "max-steps": 5.0,
        "home": None,
        "layers.sizes": "[1,2]",
        "opt": "null",
        "optimizer": "adam",
        "optimizer.beta": 0.9,
        "optimizer.momentum": None,
    }
    assert "home is '8' in the app's config, which is outside the search space (1 to 8)" in notices(result)
    assert result.first_trial.startswith("the first trial is not the app's own config, because 1 of its values")


def test_a_first_trial_that_is_the_app_s_own_config_is_named() -> None:
    result = check(parameter("lr", DoubleRange(0.001, 1.0)), parameter("optimizer", OPTIMIZER))

    assert result.first_trial == "the first trial is the app's own config: lr=0.1 optimizer=adam"
    assert result.study_spec is not None
    assert default_parameters(result.study_spec) == {"lr": 0.1, "optimizer": "adam"}


def test_the_values_of_the_first_trial_are_shown_with_the_types_of_the_app_s_config() -> None:
    result = check(
        parameter("max-steps", Discrete((1.0, 5.0))),
        parameter("act", Categorical(("relu", "null"))),
        parameter("layers.sizes", Categorical(("[1,2]", "[3]"))),
    )

    assert result.first_trial == "the first trial is the app's own config: max-steps=5 act=null layers.sizes=[1, 2]"


@pytest.mark.parametrize(
    ("key", "domain", "problem"),
    [
        ("depth", IntegerRange(4, 8), "depth is 3 in the app's config, which is outside the search space (4 to 8)"),
        ("lr", DoubleRange(0.2, 1.0), "lr is 0.1 in the app's config, which is outside the search space (0.2 to 1.0)"),
        ("optimizer", Categorical(("sgd",)), "optimizer is 'adam' in the app's config, which is outside"),
        ("act", Categorical(("relu", "gelu")), "act is None in the app's config, which is outside"),
        ("unset", IntegerRange(1, 8), "unset: the app's config has no value of it"),
        ("own", IntegerRange(1, 8), "own: the app's config has no value of it that is known here"),
        ("+new", IntegerRange(1, 8), "+new: the app's config has no such key"),
    ],
)
def test_a_value_outside_the_space_is_named_and_has_no_default(key: str, domain: Domain, problem: str) -> None:
    result = check(parameter(key, domain), parameter("layers.kind", Categorical(("a", "b"))))

    assert defaults(result) == {key: None, "layers.kind": "a"}
    assert problem in notices(result)
    assert "the first trial has another value" in notices(result)


def test_a_value_that_a_trial_would_get_with_another_type_is_no_default() -> None:
    result = check(parameter("depth", Categorical(("3", "x"))), sweeps=("depth='3',x",))

    assert defaults(result) == {"depth": None}
    assert "depth is 3 in the app's config, and '3' in a trial with the same values" in notices(result)


def test_an_alias_names_the_key() -> None:
    result = check(parameter("rate", DoubleRange(0.001, 1.0)), aliases=("rate=lr",))

    assert defaults(result) == {"rate": 0.1}


def test_a_default_of_the_search_file_is_kept() -> None:
    result = check(parameter("lr", DoubleRange(0.001, 1.0, 0.5)), parameter("depth", IntegerRange(1, 8)))

    assert defaults(result) == {"lr": 0.5, "depth": 3}
    assert result.first_trial == "the first trial has the default values of the search file"


def test_children_of_a_value_that_the_app_has_not_keep_no_default() -> None:
    child = ConditionalParameter(("sgd",), parameter("optimizer.momentum", DoubleRange(0.5, 0.99)))
    result = check(parameter("optimizer", OPTIMIZER, child))

    assert defaults(result) == {"optimizer": "adam", "optimizer.momentum": None}
    assert result.first_trial == "the first trial is the app's own config: optimizer=adam"


def test_without_a_baseline_nothing_is_set() -> None:
    result = check(parameter("lr", DoubleRange(0.001, 1.0)), baseline=False)

    assert (defaults(result), result.first_trial) == ({"lr": None}, "")


def test_a_grid_search_has_no_baseline() -> None:
    study = StudySpec((MetricSpec("loss", Goal.MINIMIZE),), (parameter("depth", IntegerRange(1, 8)),))
    study = StudySpec(study.metrics, study.parameters, Algorithm.GRID_SEARCH)
    result = check_space(APP, study)

    assert defaults(result) == {"depth": None}
    assert "a grid search has its own order" in result.first_trial


def test_an_app_that_needs_a_choice_has_no_own_config() -> None:
    path = Path("conf/config.yaml")
    path.write_text(path.read_text().replace("{opt: null}", "{opt: '???'}"))
    result = check(parameter("opt", Categorical(("some",))), parameter("depth", IntegerRange(1, 8)))

    assert result.findings == ()
    assert "opt: the app's config has no option of it; the first trial has another value" in notices(result)


def test_an_app_that_is_composed_only_with_parameters_has_no_own_config() -> None:
    result = check(parameter("opt", Categorical(("some",))), command=(*APP, "opt.x=2"))

    assert result.findings == ()
    assert result.first_trial.startswith("the first trial is not the app's own config, because it cannot be composed")


@pytest.mark.parametrize(
    ("domain", "value", "expected"),
    [
        (DoubleRange(0.0, 1.0), 1, 1.0),
        (DoubleRange(0.0, 1.0), True, None),
        (DoubleRange(0.0, 1.0), "0.5", None),
        (DoubleRange(0.0, 1.0), float("nan"), None),
        (IntegerRange(0, 4), 3.0, 3),
        (IntegerRange(0, 4), 3.5, None),
        (IntegerRange(0, 4), float("inf"), None),
        (Discrete((1.0, 2.0)), 2, 2.0),
        (Discrete((1.0, 2.0)), 1.5, None),
        (Categorical(("true", "false")), True, "true"),
        (Categorical(("true", "1")), 1, "1"),
        (Categorical(("null", "a")), None, "null"),
        (Categorical(("'1'", "1")), "1", "1"),
        (Categorical(("'1'", "2")), "1", "'1'"),
        (Categorical(("{a: 1, b: x}",)), {"a": 1, "b": "x"}, "{a: 1, b: x}"),
        (Categorical(("a: b {", "c")), "a: b {", "a: b {"),
        (Categorical(("a: b {", "c")), "d", None),
    ],
)
def test_a_value_of_the_domain_has_the_meaning_of_the_app_s_value(
    domain: Domain, value: Json, expected: ParameterValue | None
) -> None:
    assert value_in(domain, value) == expected
