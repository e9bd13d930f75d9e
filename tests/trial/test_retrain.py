"""The retraining step of a pipeline, called as by KFP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.protocol.executor import parse_executor_input
from hydra_vertex.trial.retrain import parse_metrics, parse_retraining
from hydra_vertex.trial.retrain_output import Metric
from trial.apps import TRAIN, hydra_trial, run, write_app

_SAVE = """
        import os, pathlib
        assert "CLOUD_ML_TRIAL_ID" not in os.environ
        pathlib.Path(os.environ["AIP_MODEL_DIR"], "weights").write_text(str(cfg.lr))
        pathlib.Path(os.environ["AIP_CHECKPOINT_DIR"], "last").write_text("")
"""


_HYDRA_SAVES = """
        import os, pathlib
        from hydra.core.hydra_config import HydraConfig
        folder = pathlib.Path(HydraConfig.get().runtime.output_dir, "checkpoints")
        folder.mkdir(exist_ok=True)
        (folder / "last.ckpt").write_text(str(cfg.lr))
"""
_BEST = {"trialId": "3", "job": "jobs/1", "jobState": "JOB_STATE_FAILED", "metric": "val/loss", "value": 0.25}


def _executor_input(
    folder: Path,
    *,
    outputs: tuple[str, ...] = ("metric_value",),
    best: dict[str, dict[str, object]] | None = None,
    **parameters: object,
) -> str:
    """Return the input of the step; `best` are the metadata of the input artifacts `best_model`, `best_checkpoint`."""

    def artifact(name: str, schema: str, metadata: dict[str, object] | None = None) -> object:
        item = {"name": name, "uri": str(folder / name), "type": {"schemaTitle": schema}, "metadata": metadata or {}}
        return {"artifacts": [item]}

    values = {name: value if isinstance(value, str) else json.dumps(value) for name, value in parameters.items()}
    return json.dumps(
        {
            "inputs": {
                "parameterValues": values,
                "artifacts": {
                    "best_config": artifact("best_config", "system.Artifact"),
                    **{name: artifact(name, "system.Model", metadata) for name, metadata in (best or {}).items()},
                },
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


ALL = ("metric_value", "comparison", "model_uri")


def test_a_model_in_hydras_folder_becomes_the_steps_model(tmp_path: Path, outputs: Path) -> None:
    app = write_app(tmp_path / "app", TRAIN.replace("        print(cfg)\n", _HYDRA_SAVES))
    ended = hydra_trial(
        app, "--executor_input", _executor_input(outputs, outputs=ALL, app_command=["python", "train.py"])
    )

    assert ended.returncode == 0, ended.stderr
    assert (outputs / "model/checkpoints/last.ckpt").read_text() == "0.1"
    assert f"hydra-trial: the app wrote its model into {outputs}/hydra/, so the step's model has " in ended.stderr
    assert _output(outputs)["parameters"] == {
        "metric_value": 0.2,
        "model_uri": str(outputs / "model"),
        "comparison": "",
    }


def test_hydras_folder_is_the_one_that_the_user_chose(tmp_path: Path, outputs: Path) -> None:
    app = write_app(tmp_path / "app", TRAIN.replace("        print(cfg)\n", _HYDRA_SAVES))
    (app / "checkpoints").mkdir()
    given = _executor_input(outputs, app_command=["python", "train.py"], extra_overrides=["hydra.run.dir=."])
    (app / "pretrained.pt").write_text("another model")
    os.utime(app / "pretrained.pt", (0, 0))

    assert hydra_trial(app, "--executor_input", given).returncode == 0
    assert (outputs / "model/checkpoints/last.ckpt").exists()
    assert not (outputs / "model/pretrained.pt").exists()


def test_a_model_is_also_found_among_the_checkpoints_of_the_step(tmp_path: Path, outputs: Path) -> None:
    saves = """
        import os, pathlib
        pathlib.Path(os.environ["AIP_CHECKPOINT_DIR"], "a.pt").write_text("x")
"""
    app = write_app(tmp_path / "app", TRAIN.replace("        print(cfg)\n", saves))

    assert (
        hydra_trial(app, "--executor_input", _executor_input(outputs, app_command=["python", "train.py"])).returncode
        == 0
    )
    assert (outputs / "model/a.pt").exists()


def test_the_metric_is_compared_with_that_of_the_best_trial(tmp_path: Path, outputs: Path) -> None:
    app = write_app(tmp_path / "app", TRAIN)
    given = _executor_input(
        outputs, outputs=ALL, app_command=["python", "train.py"], metric="val/loss", best={"best_model": {**_BEST}}
    )
    ended = hydra_trial(app, "--executor_input", given)

    sentence = "retrained val/loss = 0.2, 20 % worse than trial 3 (0.25)"
    assert sentence in ended.stderr
    described = _output(outputs)
    assert str(described["parameters"]["comparison"]).startswith(sentence)
    assert described["metrics"] == {"val/loss": 0.2, "best_trial/val/loss": 0.25, "difference/val/loss": 0.2 - 0.25}
    assert {**described["model"], "trialId": "3", "jobState": "JOB_STATE_FAILED"} == described["model"]


def test_without_a_retraining_the_model_is_that_of_the_best_trial(tmp_path: Path, outputs: Path) -> None:
    (outputs / "best_model").mkdir(parents=True)
    (outputs / "best_model/weights").write_text("w")
    given = _executor_input(
        outputs, outputs=ALL, app_command=["no-such-program"], retraining="skip", best={"best_model": {**_BEST}}
    )
    ended = hydra_trial(tmp_path, "--executor_input", given)

    assert (ended.returncode, ended.stderr) == (
        0,
        f"hydra-trial: nothing is retrained, and the model is that of the best trial, {outputs}/best_model\n",
    )
    document = json.loads((outputs / "executor_output.json").read_text())
    assert document["artifacts"]["model"]["artifacts"][0]["uri"] == str(outputs / "best_model")
    assert document["artifacts"]["model"]["artifacts"][0]["metadata"] == _BEST
    assert document["parameterValues"]["model_uri"] == str(outputs / "best_model")


def test_on_kubeflow_every_file_of_a_model_in_another_bucket_is_copied(tmp_path: Path, outputs: Path) -> None:
    (outputs / "best_model/assets").mkdir(parents=True)
    for name in ("weights", "assets/words.txt"):
        (outputs / "best_model" / name).write_text(name)
    given = json.loads(
        _executor_input(
            outputs, outputs=ALL, app_command=["no-such-program"], retraining="skip", best={"best_model": {}}
        )
    )
    # A folder with an address of another kind of store, as of another bucket.
    given["inputs"]["artifacts"]["best_model"]["artifacts"][0]["uri"] = f"file://{outputs}/best_model"
    given["outputs"]["artifacts"]["model"]["artifacts"][0]["uri"] = f"{outputs}/model"
    (outputs / "model").mkdir()
    (outputs / "model/weights").write_text("a part that an earlier attempt has left")
    ended = hydra_trial(tmp_path, "--executor_input", json.dumps(given), environ={"KFP_POD_NAME": "pod"})

    assert ended.returncode == 0, ended.stderr
    assert (outputs / "model/weights").read_text() == "weights"
    assert (outputs / "model/assets/words.txt").read_text() == "assets/words.txt"
    document = json.loads((outputs / "executor_output.json").read_text())
    assert document["artifacts"]["model"]["artifacts"][0]["uri"] == f"{outputs}/model"
    assert document["parameterValues"]["model_uri"] == f"{outputs}/model"


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"retraining": "skip"}, "nothing is retrained, and the model is empty"),
        ({"retraining": "skip", "skip_reason": "too bad"}, "nothing is retrained: too bad"),
        ({"skip_reason": "too bad"}, "nothing is retrained: too bad"),
    ],
)
def test_a_skipped_step_can_have_an_empty_model(
    tmp_path: Path, outputs: Path, parameters: dict[str, object], sentence: str
) -> None:
    given = _executor_input(
        outputs, outputs=ALL, app_command=["no-such-program"], best={"best_model": {**_BEST}}, **parameters
    )
    ended = hydra_trial(tmp_path, "--executor_input", given)

    assert (ended.returncode, ended.stderr) == (0, f"hydra-trial: {sentence}\n")
    assert _output(outputs)["parameters"] == {"metric_value": None, "model_uri": "", "comparison": ""}
    assert list((outputs / "model").iterdir()) == []


def test_the_retraining_starts_from_the_best_trials_checkpoint(tmp_path: Path, outputs: Path) -> None:
    app = write_app(tmp_path / "app", TRAIN.replace("print(cfg)", "print(cfg.name)"))
    (outputs / "best_checkpoint").mkdir(parents=True)
    (outputs / "best_checkpoint/it's ${x}.ckpt").write_text("w")
    given = _executor_input(
        outputs, app_command=["python", "train.py"], warm_start_key="name", best={"best_checkpoint": {}}
    )
    ended = hydra_trial(app, "--executor_input", given)

    path = f"{outputs}/best_checkpoint/it's ${{x}}.ckpt"
    assert f"hydra-trial: starts from the best trial's checkpoint, {path} (name)" in ended.stderr
    assert path in ended.stdout


def test_a_retried_retraining_starts_from_its_own_checkpoint(tmp_path: Path, outputs: Path) -> None:
    app = write_app(tmp_path / "app", TRAIN.replace("print(cfg)", "print(cfg.name)"))
    for folder in ("best_checkpoint", "model_checkpoints"):
        (outputs / folder).mkdir(parents=True)
        (outputs / folder / "last.ckpt").write_text("w")
    given = _executor_input(
        outputs, app_command=["python", "train.py"], warm_start_key="name", best={"best_checkpoint": {}}
    )
    ended = hydra_trial(app, "--executor_input", given)

    own = f"{outputs}/model_checkpoints/last.ckpt"
    assert f"starts from the checkpoint of this step's earlier attempt, {own} (name)" in ended.stderr
    assert own in ended.stdout


@pytest.mark.parametrize("best", [{}, {"best_checkpoint": {}}])
def test_without_a_checkpoint_the_app_is_not_started(
    tmp_path: Path, outputs: Path, best: dict[str, dict[str, object]]
) -> None:
    app = write_app(tmp_path / "app", TRAIN.replace("print(cfg)", "open('started', 'w')"))
    given = _executor_input(outputs, app_command=["python", "train.py"], warm_start_key="name", best=best)
    ended = hydra_trial(app, "--executor_input", given)

    assert ended.returncode == 2
    assert "--warm-start name: no checkpoint in " in ended.stderr
    assert not (app / "started").exists()


@pytest.mark.parametrize("executor_input", ["not JSON", "{}", "[]"])
def test_a_malformed_input_is_refused_in_one_line(tmp_path: Path, executor_input: str) -> None:
    ended = hydra_trial(tmp_path, "--executor_input", executor_input)
    assert ended.returncode == 2
    assert ended.stderr.startswith("hydra-trial: ")
    assert ended.stderr.count("\n") == 1


def test_a_retraining_without_a_command_is_refused(outputs: Path) -> None:
    with pytest.raises(DocumentError, match="app_command"):
        parse_retraining(parse_executor_input(_executor_input(outputs, app_command=[])))


def test_an_unknown_word_for_the_retraining_is_refused(outputs: Path) -> None:
    given = _executor_input(outputs, app_command=["python", "train.py"], retraining="no")
    with pytest.raises(DocumentError, match="retraining: expected run or skip, got 'no'"):
        parse_retraining(parse_executor_input(given))


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
    assert parse_metrics(records.encode(), name) == (() if metric is None else (metric,))
