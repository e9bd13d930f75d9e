from __future__ import annotations

from pathlib import Path

import pytest

from hydra_vertex.protocol import errors, json
from hydra_vertex.protocol.command import app_command, parameter_argument, trial_command
from hydra_vertex.protocol.environment import OutputDirs, TrialEnvironment, is_trial
from hydra_vertex.protocol.explanation import (
    ArgumentKind,
    Composition,
    ExplainedArgument,
    Explanation,
    dump_explanation,
    parse_explanation,
)


def test_the_apps_command_is_found_in_the_command_of_a_trial() -> None:
    app = ("python", "train.py", "experiment=docs", "--config-dir", "x")

    assert app_command(trial_command(app, "val/loss")) == app


@pytest.mark.parametrize(
    ("command", "app"),
    [
        (("/opt/venv/bin/hydra-trial", "--", "python", "t.py"), ("python", "t.py")),
        (("python", "-m", "hydra_vertex.trial", "--metric", "m", "--", "a"), ("a",)),
        (("python", "t.py"), None),
        (("python", "t.py", "--", "hydra-trial"), None),
        ((), None),
    ],
)
def test_the_apps_command_is_found_only_after_hydra_trial_and_a_separator(
    command: tuple[str, ...], app: tuple[str, ...] | None
) -> None:
    assert app_command(command) == app


@pytest.mark.parametrize(
    ("value", "text"), [(4, "--k=4"), (128.0, "--k=128.0"), (1e-05, "--k=1e-05"), ("a b", "--k=a b"), ("", "--k=")]
)
def test_a_parameter_argument_has_the_form_of_vertex_ai(value: float | int | str, text: str) -> None:
    assert parameter_argument("k", value) == text


def test_a_trials_environment_variables_are_those_of_vertex_ai() -> None:
    environment = TrialEnvironment("7", "/m/file", "123", OutputDirs.below("gs://b/base/", "7"))

    variables = environment.to_environ()

    assert variables == {
        "CLOUD_ML_TRIAL_ID": "7",
        "CLOUD_ML_HP_METRIC_FILE": "/m/file",
        "CLOUD_ML_JOB_ID": "123",
        "AIP_MODEL_DIR": "gs://b/base/7/model/",
        "AIP_CHECKPOINT_DIR": "gs://b/base/7/checkpoints/",
        "AIP_TENSORBOARD_LOG_DIR": "gs://b/base/7/logs/",
    }
    assert is_trial(variables)
    assert not is_trial({})


def test_an_explanation_is_unchanged_by_a_round_trip_through_json() -> None:
    composition = Composition({"a": {"b": 1.5, "c": "${a.b}"}}, {"model": "nano", "logger": None})
    explanation = Explanation(
        arguments=(
            ExplainedArgument("x=1", ArgumentKind.HYDRA, "", "", "x=1"),
            ExplainedArgument("--a.b=2", ArgumentKind.VALUE, "a.b", "float", "a.b=2.0"),
            ExplainedArgument("--model=small", ArgumentKind.GROUP, "model", "group", "model=small"),
        ),
        program=("python", "train.py"),
        command=("x=1", "a.b=2.0", "model=small"),
        app_default=composition,
        base=composition,
        choices_only=composition,
        composed=composition,
        groups={"model": ("nano", "small")},
    )

    assert parse_explanation(json.loads(json.dumps(dump_explanation(explanation)))) == explanation
    assert explanation.overrides == ("a.b=2.0", "model=small")


@pytest.mark.parametrize("document", [None, [], {"arguments": {}}])
def test_a_malformed_explanation_is_refused(document: json.Json) -> None:
    with pytest.raises((ValueError, KeyError)):
        parse_explanation(document)


def test_nan_is_not_written_as_json() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        json.dumps(float("nan"))


def test_the_documented_tree_of_errors_contains_every_error_class() -> None:
    documented = errors.__doc__ or ""
    found = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, errors.HydraVertexError)]

    assert len(found) > 8
    for cls in found:
        assert f" {cls.__name__} " in documented, cls


def test_no_module_raises_exception_or_runtime_error() -> None:
    from conftest import ROOT

    for path in [p for folder in ("components", "pipelines") for p in Path(ROOT, folder).rglob("*.py")]:
        text = path.read_text()
        assert "raise Exception" not in text, path
        assert "raise RuntimeError" not in text, path
