"""The retraining step of a pipeline, called as by KFP."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.protocol.executor import parse_executor_input
from hydra_vertex.trial.retrain import Metric, parse_metric, parse_retraining
from trial.apps import TRAIN, hydra_trial, run, write_app

_SAVE = """
        import os, pathlib
        assert "CLOUD_ML_TRIAL_ID" not in os.environ
        pathlib.Path(os.environ["AIP_MODEL_DIR"], "weights").write_text(str(cfg.lr))
        pathlib.Path(os.environ["AIP_CHECKPOINT_DIR"], "last").write_text("")
"""


def _executor_input(folder: Path, *, outputs: tuple[str, ...] = ("metric_value",), **parameters: object) -> str:
    def artifact(name: str, schema: str) -> object:
        return {"artifacts": [{"name": name, "uri": str(folder / name), "type": {"schemaTitle": schema}}]}

    values = {name: value if isinstance(value, str) else json.dumps(value) for name, value in parameters.items()}
    return json.dumps(
        {
            "inputs": {
                "parameterValues": values,
                "artifacts": {"best_config": artifact("best_config", "system.Artifact")},
            },
            "outputs": {
                "outputFile": str(folder / "executor_output.json"),
                "artifacts": {
                    "model": artifact("model", "system.Model"),
                    "metrics": artifact("metrics", "system.Metrics"),
                },
                "parameters": {name: {"outputFile": str(folder / name)} for name in outputs},
            },
        }
    )


def _output(folder: Path) -> dict[str, dict[str, object]]:
    document = json.loads((folder / "executor_output.json").read_text())
    metadata = {name: value["artifacts"][0]["metadata"] for name, value in document["artifacts"].items()}
    return {**metadata, "parameters": document["parameterValues"]}


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    return tmp_path / "pipeline"


def test_the_model_is_trained_with_the_overrides_and_described(tmp_path: Path, outputs: Path) -> None:
    app = write_app(tmp_path / "app", TRAIN.replace("        print(cfg)\n", _SAVE))
    given = _executor_input(
        outputs,
        app_command=["python", "train.py", "experiment=big"],
        overrides=["lr=0.5", "name='it\\'s'"],
        extra_overrides=["lr=0.25"],
        metric="val/loss",
    )
    ended = hydra_trial(app, "--executor_input", given, environ={"CLOUD_ML_TRIAL_ID": "7"})
    assert (ended.returncode, ended.stderr) == (0, "hydra-trial: val/loss = 0.5\n")
    assert (outputs / "model/weights").read_text() == "0.25"
    assert (outputs / "model_checkpoints/last").exists()
    described = _output(outputs)
    assert described["metrics"] == {"val/loss": 0.5}
    assert described["parameters"] == {"metric_value": 0.5}
    assert described["model"] == {
        "command": """python train.py experiment=big lr=0.5 'name='"'"'it\\'"'"'s'"'"'' lr=0.25""",
        "overrides": ["lr=0.5", "name='it\\'s'", "lr=0.25"],
        "best_config": str(outputs / "best_config"),
        "val/loss": 0.5,
    }


def test_a_model_without_a_metric_is_kept(tmp_path: Path, outputs: Path) -> None:
    app = write_app(tmp_path / "app", TRAIN.replace("return cfg.lr * 2", "return None"))
    ended = hydra_trial(app, "--executor_input", _executor_input(outputs, app_command=["python", "train.py"]))
    assert ended.returncode == 0
    assert "hydra-trial: the app returned no metric" in ended.stderr
    assert "hydra-trial: the app wrote nothing into $AIP_MODEL_DIR" in ended.stderr
    described = _output(outputs)
    assert (described["metrics"], described["parameters"]) == ({}, {"metric_value": None})


def test_the_step_of_a_failing_app_has_the_apps_exit_code(tmp_path: Path, outputs: Path) -> None:
    app = write_app(tmp_path / "app", TRAIN.replace("return cfg.lr * 2", "sys.exit(7)"))
    ended = hydra_trial(app, "--executor_input", _executor_input(outputs, app_command=["python", "train.py"]))
    assert ended.returncode == 7
    assert not (outputs / "executor_output.json").exists()


@pytest.mark.parametrize("streams", ["2>/dev/full", "2>&-", "2>&- >&-", ">/dev/full"])
def test_a_stream_that_cannot_be_written_loses_no_output(tmp_path: Path, outputs: Path, streams: str) -> None:
    app = write_app(tmp_path / "app", TRAIN.replace("print(cfg)", "return cfg.lr * 2"))
    given = _executor_input(outputs, app_command=["python", "train.py"])
    command = [sys.executable, "-m", "hydra_vertex.trial", "--executor_input", given]
    assert run(app, ["sh", "-c", f'exec "$@" {streams}', "sh", *command]).returncode == 0
    assert _output(outputs)["parameters"] == {"metric_value": 0.2}


@pytest.mark.parametrize(
    ("ruin", "message"),
    [
        ("os.mkfifo(file)", "cannot be read, so there is no metric: it is a FIFO, not a regular file"),
        ("file.mkdir()", "cannot be read, so there is no metric: it is a folder, not a regular file"),
        ("file.write_bytes(b'\\xff\\n' + b'[' * 10**6)", "the app returned no metric"),
        ("shutil.rmtree(file.parent)", "the app returned no metric"),
        (
            "shutil.rmtree(file.parent), file.parent.write_text('')",
            "cannot be read, so there is no metric: Not a directory",
        ),
        ("shutil.rmtree(os.environ['AIP_MODEL_DIR'])", "the app wrote nothing into $AIP_MODEL_DIR"),
    ],
)
def test_unusual_content_at_the_paths_of_outputs_does_not_lose_the_model(
    tmp_path: Path, outputs: Path, ruin: str, message: str
) -> None:
    """The app changes the paths at its exit, after the metric has been recorded."""
    start = "import atexit, os, pathlib, shutil\nfile = pathlib.Path(os.environ['CLOUD_ML_HP_METRIC_FILE'])\n"
    ruined = f"atexit.register(lambda: (file.unlink() if 'file' in {ruin!r} else None, {ruin}))\n"
    app = write_app(tmp_path / "app")
    (app / "train.py").write_text(start + ruined + (app / "train.py").read_text())
    ended = hydra_trial(app, "--executor_input", _executor_input(outputs, app_command=["python", "train.py"]))
    assert ended.returncode == 0, ended.stderr
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "model" in _output(outputs)


def test_a_command_line_that_is_too_long_for_the_system_is_refused_in_one_line(tmp_path: Path, outputs: Path) -> None:
    given = _executor_input(outputs, app_command=["python", "train.py"], overrides=["name=" + "x" * 70_000] * 2)
    code = (
        "import sys; from hydra_vertex.trial import retrain\n"
        "from hydra_vertex.protocol.errors import CommandError\n"
        "step = sys.stdin.read().replace('x' * 70_000, 'x' * 200_000)\n"
        "try: retrain.retrain(step)\n"
        "except CommandError as error: print(error)"
    )
    ended = subprocess.run([sys.executable, "-c", code], input=given, capture_output=True, text=True, check=True)
    assert ended.stdout.endswith(": cannot be started: Argument list too long\n")


@pytest.mark.parametrize("executor_input", ["not JSON", "{}", "[]"])
def test_a_malformed_input_is_refused_in_one_line(tmp_path: Path, executor_input: str) -> None:
    ended = hydra_trial(tmp_path, "--executor_input", executor_input)
    assert ended.returncode == 2
    assert ended.stderr.startswith("hydra-trial: ")
    assert ended.stderr.count("\n") == 1


def test_a_retraining_without_a_command_is_refused(outputs: Path) -> None:
    with pytest.raises(DocumentError, match="app_command"):
        parse_retraining(parse_executor_input(_executor_input(outputs, app_command=[])))


@pytest.mark.parametrize(
    ("records", "name", "metric"),
    [
        ('{"a": "1.0", "global_step": "1"}\n{"a": "2.0", "global_step": "2"}\n', "a", Metric("a", 2.0)),
        ('{"a": "1.0", "timestamp": 1.5, "trial": "0", "checkpoint_path": ""}\n', "", Metric("a", 1.0)),
        ('{"a": "1.0"}\n{"b": "2.0"}\n', "a", Metric("a", 1.0)),
        ('{"a": "1.0"}\nnoise\n{"a": "nan"}\n', "a", Metric("a", 1.0)),
        ('{"b": "2.0"}\n', "a", None),
        ("", "", None),
    ],
)
def test_the_metric_is_its_last_finite_record(records: str, name: str, metric: Metric | None) -> None:
    assert parse_metric(records.encode(), name) == metric
