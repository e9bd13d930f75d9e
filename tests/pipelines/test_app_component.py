import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import components, dsl

from hydra_vertex.cli.main import main
from hydra_vertex.pipelines.compiler import compile_to_file
from hydra_vertex.pipelines.local.failures import StepFailed
from hydra_vertex.pipelines.local.kfp_local import LocalRun, run_pipeline

APP = """
import json
import os
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, OmegaConf


class Color(Enum):
    RED = 1
    BLUE = 2


@dataclass
class Data:
    path: str = MISSING
    out: str | None = None
    color: Color = Color.RED
    limit: int | None = None


ConfigStore.instance().store(group="data", name="base", node=Data)


@hydra.main(version_base="1.3", config_path="conf", config_name="train")
def main(config):
    seen = OmegaConf.to_container(config, resolve=True, throw_on_missing=False, enum_to_str=True)
    Path(os.environ["SEEN"]).write_text(json.dumps(seen))
    if config.mode == "crash":
        raise SystemExit(7)
    if config.data.out and config.mode != "idle":
        Path(config.data.out).write_text(Path(config.data.path).read_text() + "!")
    if folder := os.environ.get("AIP_MODEL_DIR"):
        Path(folder, "model.pt").write_text("weights")
    return None if config.mode == "none" else config.lr * 2


if __name__ == "__main__":
    main()
"""
FILES = {
    "train.py": APP,
    "conf/train.yaml": """
defaults:
  - data: base
  - model: small
  - _self_
lr: 0.5
epochs: 3
shuffle: true
mode: ok
note: "007"
text: null
half: ${epochs}
widths: [8, 16]
rates: [0.5, 1.0]
nested: {depth: 2, decay: 1.0, names: [a, b]}
empty: []
partly: {path: null, sizes: [1, null]}
api_key: 9f8e7d6c5b4a39281706
db: {password: null, retries: 1}
logger: {name: csv, token: null}
""",
    "conf/model/small.yaml": "name: small\nwidth: 4\ndropout: 0.0\n",
    "conf/model/large.yaml": "name: large\nwidth: 64\nheads: 8\ndropout: 0.0\n",
}
PARAMS = (
    *("lr", "epochs", "shuffle", "mode", "note", "text", "half", "widths", "rates", "nested", "empty", "partly"),
    *("model", "model.width", "data.color", "data.limit", "+extra"),
)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("app")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def component(app: Path) -> Path:
    file = app / "component.yaml"
    options = [*(word for key in PARAMS for word in ("--param", key)), "--input", "data.path=Dataset"]
    outputs = ["--output", "data.out=Dataset", "--output", "model=Model", "--alias", "trained=model"]
    options = [*options, "--output", "output_dir=Artifact", *outputs[:2]]
    assert written(app, file, *options) == 0
    return file


def written(app: Path, file: Path, *options: str) -> int:
    command = ["--", "python", str(app / "train.py")]
    return main(["component", "--from-app", *options, "--image", "r/i:1", "-o", str(file), *command])


def spec_of(file: Path) -> dict[str, Any]:
    return next(iter(yaml.safe_load(file.read_text())["components"].values()))


def test_each_parameter_has_the_type_and_the_value_of_the_app(component: Path) -> None:
    found = spec_of(component)["inputDefinitions"]["parameters"]

    assert {name: (each["parameterType"], each.get("defaultValue")) for name, each in found.items()} == {
        "lr": ("NUMBER_DOUBLE", 0.5),
        "epochs": ("NUMBER_INTEGER", 3),
        "shuffle": ("BOOLEAN", True),
        "mode": ("STRING", "ok"),
        "note": ("STRING", "007"),
        "text": ("STRING", ""),
        "half": ("NUMBER_INTEGER", None),
        "widths": ("LIST", [8, 16]),
        "rates": ("LIST", [0.5, 1.0]),
        "nested": ("STRUCT", {"depth": 2, "decay": 1.0, "names": ["a", "b"]}),
        "empty": ("LIST", []),
        # KFP has no null in a default.
        "partly": ("STRUCT", None),
        "model": ("STRING", "small"),
        # Another option of the group `model` has another value.
        "model_width": ("NUMBER_INTEGER", None),
        "data_color": ("STRING", "RED"),
        "data_limit": ("NUMBER_INTEGER", None),
        "extra": ("STRING", ""),
    }
    assert all(each.get("isOptional") for each in found.values())


def test_artifacts_have_the_types_that_were_asked_for(component: Path) -> None:
    found = spec_of(component)
    inputs, outputs = (found[side]["artifacts"] for side in ("inputDefinitions", "outputDefinitions"))

    assert {name: each["artifactType"]["schemaTitle"] for name, each in inputs.items()} == {
        "data_path": "system.Dataset"
    }
    assert {name: each["artifactType"]["schemaTitle"] for name, each in outputs.items()} == {
        "data_out": "system.Dataset",
        "output_dir": "system.Artifact",
        "metrics": "system.Metrics",
    }


def test_a_loaded_component_is_compiled_to_the_same_content(component: Path, tmp_path: Path) -> None:
    compile_to_file(components.load_component_from_file(str(component)), tmp_path / "again.yaml")

    # In the comment at the top of the file, kfp writes the keys of a mapping in any order.
    again, first = (yaml.safe_load(file.read_text()) for file in (tmp_path / "again.yaml", component))
    assert again == first


PREPARE = """
import sys
from hydra_vertex.protocol.executor import parse_executor_input
given = parse_executor_input(sys.argv[-1])
given.outputs["data"].path.parent.mkdir(parents=True, exist_ok=True)
given.outputs["data"].path.write_text("data")
given.write_output({})
"""


def run(component: Path, tmp_path: Path, values: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch) -> LocalRun:
    """Run the component after a step that prepares its data, in a pipeline of a user."""
    train: Any = components.load_component_from_file(str(component))

    @dsl.container_component
    def prepare(data: dsl.Output[dsl.Dataset]) -> dsl.ContainerSpec:
        return dsl.ContainerSpec(image="i", command=["python", "-c", PREPARE], args=["--executor_input", "{{$}}"])

    @dsl.pipeline(name="mine")
    def mine() -> None:
        train(data_path=prepare().outputs["data"], **values)

    compile_to_file(mine, tmp_path / "p.json")
    monkeypatch.setenv("SEEN", str(tmp_path / "seen.json"))
    monkeypatch.chdir(tmp_path)
    return run_pipeline(tmp_path / "p.json", {}, pipeline_root=tmp_path / "root", log=tmp_path / "log")


def plain(app: Path, tmp_path: Path, overrides: tuple[str, ...]) -> dict[str, Any]:
    """Return the config that plain Hydra gives the app."""
    seen = tmp_path / "plain.json"
    environ = {**os.environ, "SEEN": str(seen)}
    (tmp_path / "in").write_text("data")
    command = [sys.executable, str(app / "train.py"), f"data.path={tmp_path}/in", *overrides]
    subprocess.run(command, env=environ, cwd=tmp_path, check=True, capture_output=True)
    return json.loads(seen.read_text())


CASES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "the app's own values": ({}, ()),
    "numbers": ({"lr": 2.0, "epochs": 7, "shuffle": False}, ("lr=2.0", "epochs=7", "shuffle=false")),
    "texts": (
        {"note": "it's, [a] ${b} \\", "text": "a b, c", "mode": "a=b"},
        (r"note='it\'s, [a] \${b} \\'", "text='a b, c'", "mode='a=b'"),
    ),
    "texts that look like other types": ({"note": "null", "mode": "1"}, ("note='null'", "mode='1'")),
    "lists": (
        {"widths": [1, 2, 3], "rates": [1, 2], "empty": ["x, y", "${z}"]},
        ("widths=[1,2,3]", "rates=[1.0,2.0]", r"empty=['x, y', '\${z}']"),
    ),
    "a mapping": (
        {"nested": {"depth": 4, "decay": 2, "names": ["true"]}},
        ("nested={depth:4,decay:2.0,names:['true']}",),
    ),
    "an option of a group keeps its own values": ({"model": "large"}, ("model=large",)),
    "an option of a group and a value": (
        {"model": "large", "model_width": 4},
        ("model=large", "model.width=4"),
    ),
    "a value that others refer to": ({"epochs": 9}, ("epochs=9",)),
    "a schema": ({"data_color": "BLUE", "data_limit": 5}, ("data.color=BLUE", "data.limit=5")),
    "a new key": ({"extra": "1.5"}, ("+extra=1.5",)),
}


@pytest.mark.parametrize("case", CASES)
def test_the_app_gets_what_plain_hydra_gives_it(
    case: str, app: Path, component: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values, overrides = CASES[case]

    done = run(component, tmp_path, values, monkeypatch)

    seen = json.loads((tmp_path / "seen.json").read_text())
    expected = plain(app, tmp_path, overrides)
    assert Path(seen["data"].pop("path")).read_text() == "data"
    assert seen["data"].pop("out") == str(done.artifact("train", "data_out"))
    del expected["data"]["path"], expected["data"]["out"]
    assert seen == expected
    assert [(key, type(value)) for key, value in seen.items()] == [(k, type(v)) for k, v in expected.items()]
    assert done.artifact("train", "data_out").read_text() == "data!"
    assert (done.artifact("train", "output_dir") / ".hydra/config.yaml").exists()
    assert done.parameter("train", "metric_value") == expected["lr"] * 2
    assert done.metadata("train", "metrics") == {"metric": expected["lr"] * 2}


def test_the_app_s_exit_code_ends_the_step(component: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StepFailed, match="the step train failed with exit code 7"):
        run(component, tmp_path, {"mode": "crash"}, monkeypatch)


def test_an_output_that_the_app_has_not_written_fails_the_step(
    component: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with capfd.disabled(), pytest.raises(StepFailed) as caught:
        run(component, tmp_path, {"mode": "idle"}, monkeypatch)

    assert caught.value.exit_code == 2


def test_no_artifact_shows_a_secret_that_a_parameter_has(
    app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "c.yaml"
    keys = ("mode", "db.password", "logger")
    options = [*(word for key in keys for word in ("--param", key)), "--input", "data.path=Dataset"]
    assert written(app, file, *options, "--output", "output_dir=Artifact") == 0

    values = {"db_password": "hunter2", "logger": {"name": "csv", "token": "letmein"}}
    done = run(file, tmp_path, values, monkeypatch)

    command = str(done.metadata("train", "output_dir")["command"])
    assert "--mode=ok" in command
    assert "'--db.password=***' 'logger=***'" in command
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert (seen["db"]["password"], seen["logger"]["token"]) == ("hunter2", "letmein")


def test_a_model_is_an_output(app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "c.yaml"
    options = ("--input", "data.path=Dataset", "--output", "model=Model", "--param", "mode", "--metric", "loss")
    assert written(app, file, "fit", *options) == 0

    done = run(file, tmp_path, {}, monkeypatch)

    assert (done.artifact("fit", "model") / "model.pt").read_text() == "weights"
    assert done.metadata("fit", "metrics") == {"loss": 1.0}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--param", "epoch"), "the app's config has no key 'epoch'; did you mean 'epochs'? (allowed: data, data.path"),
        (("--input", "data.pth=Dataset"), "the app's config has no key 'data.pth'; did you mean 'data.path'?"),
        (("--input", "data.path=Data"), "KFP has no artifact 'Data'; did you mean 'Dataset'? (allowed: Artifact, D"),
        (("--output", "model=Modell"), "--output model=Modell: KFP has no artifact 'Modell'; did you mean 'Model'?"),
        (("--param", "lr", "--input", "lr=Dataset"), "lr: is given twice; a key is one input or one output"),
        (("--param", "lr", "--param", "lr"), "lr: is given twice; a key is one input or one output"),
        (("--output", "data.out=Model", "--output", "data.out=Dataset"), "--output data.out: is given twice"),
        (("--input", "lr=Dataset"), "lr: gets the path of an artifact, and is of type float; name a key for a text"),
        (("--output", "model.width=Dataset"), "model.width: gets the path of an artifact, and is of type int"),
        (("--param", "lr", "--alias", "rate=epochs"), "--alias rate=epochs: no input and no output has this key"),
        (("--param", "lr", "--alias", "metrics=lr"), "lr: its name metrics is that of an output that every component"),
        (("--param", "lr", "--param", "epochs", "--alias", "lr=epochs"), "its name lr is that of epochs too"),
        (("--param", "lr", "--alias", "a-b=lr"), "--alias a-b=lr: a name has letters, digits and _"),
        (("--param", "lr", "--alias", "a=lr", "--alias", "b=lr"), "--alias lr: is given twice"),
        (("--param", "api_key"), "the app's config has a secret in api_key, which everyone"),
        (("été",), "'été': not a name of a component; it has letters, digits, _ and -"),
        (("x" * 64,), "not a name of a component"),
    ],
)
def test_what_the_app_or_kfp_does_not_have_is_refused_by_name(
    options: tuple[str, ...], message: str, app: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert written(app, tmp_path / "c.yaml", *options) == 2

    assert message in capsys.readouterr().err
    assert not (tmp_path / "c.yaml").exists()


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("--multirun", "the app's command: --multirun: would make each trial a sweep; remove it"),
        ("lr=1,2", "lr=1,2"),
        ("api_key=0123456789abcdef", "the app's command has a secret, which everyone who can read the component's"),
    ],
)
def test_a_command_that_no_step_can_have_is_refused(
    word: str, message: str, app: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["component", "--from-app", "--param", "epochs", "-o", str(tmp_path / "c.yaml")]

    assert main([*command, "--", "python", str(app / "train.py"), word]) == 2

    assert message in capsys.readouterr().err
    assert not (tmp_path / "c.yaml").exists()


def test_a_group_that_the_command_chooses_is_refused(
    app: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["component", "--from-app", "--param", "model", "-o", str(tmp_path / "c.yaml")]

    assert main([*command, "--", "python", str(app / "train.py"), "model=large"]) == 2

    assert "--param model: the app's command chooses an option of this config group" in capsys.readouterr().err


def test_an_option_of_from_app_needs_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["component", "tune", "--param", "lr", "-o", str(tmp_path / "c.yaml")]) == 2

    assert "--param needs --from-app" in capsys.readouterr().err
