"""The check of a search space against real apps, each in one process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

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
from hydra_vertex.launcher.preflight import conditions, space_check
from hydra_vertex.launcher.preflight.check import check_space
from hydra_vertex.launcher.preflight.findings import CheckResult, Finding
from hydra_vertex.protocol.errors import AppError, UserError
from trial.apps import write_app

APP = ("python", "train.py")
CONFIG = """
defaults: [{model: small}, {opt: null}, _self_]
lr: 0.1
depth: 1
name: a
sched: null
out: ???
wrong: ${nothing}
number: ${hydra:job.num}
output: ${hydra:runtime.output_dir}/x
optimized_metric: loss
"""
FILES = {
    "conf/config.yaml": CONFIG,
    "conf/model/small.yaml": "depth: 1\n",
    "conf/model/wide.yaml": "depth: 1\nwidth: 8\nbad: ${model.height}\n",
    "conf/opt/no_yaml.yaml": "{a: [",
    "conf/opt/sgd.yaml": "momentum: 0.9\n",
    "conf/opt/broken.yaml": "defaults: [nothing]\n",
    "train.py": """
        import hydra

        print("x" * 1_000_000)

        @hydra.main(config_path="conf", config_name="config", version_base="1.3")
        def main(cfg):
            open("trained", "w").close()

        if __name__ == "__main__":
            with open("starts", "a") as file:
                print("start", file=file)
            main()
        """,
}


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_app(tmp_path, **FILES)


def spec(*parameters: ParameterSpec, metric: str = "loss") -> StudySpec:
    return StudySpec((MetricSpec(metric, Goal.MINIMIZE),), parameters, measurement_selection=MeasurementSelection.LAST)


def parameter(key: str, domain: Domain, *children: ConditionalParameter) -> ParameterSpec:
    return ParameterSpec(key, domain, None, children)


def check(*parameters: ParameterSpec, retrain: tuple[str, ...] = (), command: tuple[str, ...] = APP) -> CheckResult:
    return check_space(command, spec(*parameters), retrain_overrides=retrain)


LR = parameter("lr", DoubleRange(0.1, 1.0))
MODEL = parameter("model", Categorical(("small", "wide")))


def test_the_app_is_started_once_and_its_main_is_not_run(app: Path) -> None:
    result = check(LR, parameter("opt", Categorical(("sgd", "null"))), parameter("depth", IntegerRange(1, 8)))

    assert result.findings == ()
    assert result.tried > 25
    assert result.types == {"lr": "float", "opt": "config group", "depth": "int"}
    assert (app / "starts").read_text() == "start\n"
    assert not (app / "trained").exists()


def test_every_problem_is_found_at_once(app: Path) -> None:
    result = check(
        parameter("lr", Categorical(("0.1", "high", "low"))),
        parameter("depht", IntegerRange(1, 2)),
        parameter("opt", Categorical(("sgd", "adagrad", "broken", "no_yaml"))),
        parameter("model.height", IntegerRange(1, 2)),
        MODEL,
        retrain=("nothing=1",),
    )

    found = [(f.parameter, f.value, f.context) for f in result.findings]
    assert ("lr", "high", ()) in found
    assert [f[0] for f in found].count("lr") == 1
    assert [f[0] for f in found].count("depht") == 1
    assert {f[1] for f in found if f[0] == "opt"} == {"adagrad", "broken", "no_yaml"}
    assert [f[0] for f in found].count("model.height") == 1
    assert [f[0] for f in found if f[0].startswith("--")] == ["--retrain"]
    with pytest.raises(UserError, match=f"{len(found)} problems, listed above"):
        result.require()


def test_a_single_finding_is_one_line(app: Path) -> None:
    result = check(LR, parameter("model.height", IntegerRange(1, 2)), MODEL)

    with pytest.raises(UserError, match=r"^--model.height=\d: the app's config has no key 'model.height'") as caught:
        result.require()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("options", [("small", "wide"), ("wide", "small")])
def test_a_key_that_only_one_option_has_becomes_conditional_in_any_order(app: Path, options: tuple[str, ...]) -> None:
    result = check(parameter("model", Categorical(options)), parameter("model.width", IntegerRange(1, 2)))

    assert result.findings == ()
    assert result.study_spec is not None
    (model,) = result.study_spec.parameters
    assert [(child.when, child.spec.id) for child in model.children] == [(("wide",), "model.width")]


def test_a_key_that_the_command_sets_for_one_option_only_is_refused_with_the_others(app: Path) -> None:
    (finding,) = check(MODEL, command=(*APP, "model=wide", "model.width=3")).findings

    assert (finding.parameter, finding.value) == ("model", "small")


def test_a_conditional_key_needs_to_exist_only_in_its_branch(app: Path) -> None:
    width = ConditionalParameter(("wide",), parameter("model.width", IntegerRange(1, 4)))

    assert check(parameter("model", Categorical(("small", "wide")), width)).findings == ()

    wrong = ConditionalParameter(("small",), parameter("model.width", IntegerRange(1, 4)))
    (finding,) = check(parameter("model", Categorical(("wide", "small")), wrong)).findings
    assert finding.context == ("--model=small",)


def test_several_mappings_for_one_key_do_not_meet(app: Path) -> None:
    options = Categorical(("{name: cosine, T: 10}", "{name: step, gamma: 0.1}"))

    assert check(parameter("sched", options)).findings == ()


def test_what_the_app_could_fail_on_is_a_notice_with_its_key(app: Path) -> None:
    result = check_space(APP, spec(MODEL, metric="val/loss"))

    notices = "\n".join(result.notices)
    assert result.findings == ()
    assert "out is mandatory (???) and has no value" in notices
    assert "wrong cannot be resolved: Interpolation key 'nothing' not found" in notices
    assert "with --model=wide: model.bad cannot be resolved" in notices
    assert "the study's metric is val/loss, and optimized_metric in the app's config is loss" in notices
    assert len(result.notices) == 4


def test_a_mandatory_group_without_a_choice_is_refused_as_in_hydra(app: Path) -> None:
    (app / "conf/config.yaml").write_text(CONFIG.replace("{opt: null}", "{opt: '???'}"))

    (finding,) = check(LR).findings
    assert str(finding).startswith("opt: the app's config requires a choice of this config group")
    assert check(LR, parameter("opt", Categorical(("sgd",)))).findings == ()


@pytest.mark.parametrize(
    ("extra", "retrain", "problem"),
    [
        (("--help",), (), "--help: Hydra prints something"),
        (("lr=1,2",), (), "lr=1,2: has several values"),
        (("-m",), (), "--multirun|-m: would make each trial a sweep"),
        ((), ("lr=1,2",), r"--retrain lr=1,2: lr=1,2: has several values"),
        ((), ("lt=1",), r"--retrain lt=1: Hydra cannot compose"),
        (("lt=1",), (), "Hydra cannot compose the app's config: .*lt"),
    ],
)
def test_a_command_that_is_not_one_run_is_refused(
    app: Path,
    extra: tuple[str, ...],
    retrain: tuple[str, ...],
    problem: str,
) -> None:
    result = check(parameter("depth", IntegerRange(1, 2)), retrain=retrain, command=(*APP, *extra))

    with pytest.raises(UserError, match=problem):
        result.require()


def test_a_space_that_no_command_line_can_hold_is_checked(app: Path) -> None:
    texts = tuple(f"{'x' * 1000}{number}" for number in range(500))

    assert check(parameter("name", Categorical(texts)), parameter("depth", Discrete((1.0, 2.0)))).findings == ()


def test_the_number_of_compositions_is_bounded_and_what_is_left_out_is_named(
    app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(space_check, "MOST_COMPOSITIONS", 5)
    monkeypatch.setattr(conditions, "MOST_OPTIONS", 5)
    for number in range(10):
        (app / f"conf/model/m{number}.yaml").write_text("depth: 1\n")

    result = check(parameter("model", Categorical(tuple(f"m{number}" for number in range(10)))), LR)

    assert result.findings == ()
    assert result.not_tried > 0
    assert any(notice.startswith("model: ") and "not tried" in notice for notice in result.notices)


def test_an_app_that_fails_before_its_config_is_shown_with_its_last_lines(app: Path) -> None:
    (app / "train.py").write_text("import hydra\nraise ValueError('the app failed')\n")

    with pytest.raises(AppError, match=r"(?s)failed with exit code 1 before its config was composed\n.*the app failed"):
        check(LR)


def test_an_app_without_a_hydra_main_is_refused(app: Path) -> None:
    (app / "train.py").write_text("import hydra\n")

    with pytest.raises(UserError, match=r"exited without calling hydra.main, so there is no config to explain"):
        check(LR)


def test_an_app_that_does_not_use_hydra_is_refused_and_not_run(app: Path) -> None:
    (app / "train.py").write_text("open('trained', 'w')\n")

    with pytest.raises(UserError, match=r"neither this file nor what it imports uses Hydra"):
        check(LR)
    assert not (app / "trained").exists()


def test_an_app_that_is_killed_during_a_question_fails_the_check(app: Path) -> None:
    kill = "import os\nfrom omegaconf import OmegaConf\nOmegaConf.register_new_resolver('kill', lambda: os._exit(9))\n"
    (app / "train.py").write_text(kill + (app / "train.py").read_text())
    (app / "conf/config.yaml").write_text(f"{CONFIG}killed: ${{kill:}}\n")

    with pytest.raises(AppError, match="its process ended while its config was composed"):
        check(LR)


def test_findings_are_documented_json() -> None:
    assert Finding("no", "lr", "1", ("--model=a",)).document() == {
        "parameter": "lr",
        "value": "1",
        "with": ["--model=a"],
        "problem": "no",
    }
