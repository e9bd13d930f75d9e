"""One step of a pipeline on this machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hydra_vertex.pipelines.local.steps import Step, StepSettings, run_step
from hydra_vertex.protocol.errors import OutputError

REFERENCE = "projects/p/secrets/s"
SHOW = """
import json, os, sys
names = ("HYDRA_TRIAL_KEPT_REFERENCES", "OF_THE_STEP", "OF_THE_SHELL")
json.dump({name: os.environ[name] for name in names}, open(sys.argv[1], "w"))
"""


def test_a_reference_that_the_step_sets_is_resolved_also_if_the_shell_has_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OF_THE_STEP", "OF_THE_SHELL"):
        monkeypatch.setenv(name, REFERENCE)
    file = str(tmp_path / "output.json")
    shown = run_step(Step("a", ("python", "-c", SHOW, file), {"OF_THE_STEP": REFERENCE}, file), StepSettings())

    assert shown == json.loads(Path(file).read_text())
    assert shown["HYDRA_TRIAL_KEPT_REFERENCES"] == "OF_THE_SHELL"
    assert shown["OF_THE_STEP"] == REFERENCE


def test_what_a_failed_attempt_wrote_is_not_the_output_of_the_next_one(tmp_path: Path) -> None:
    file = tmp_path / "executor_output.json"
    file.write_text('{"parameterValues": {"loss": 1.0}}')

    assert run_step(Step("train", ("true",), {}, str(file)), StepSettings()) == {}


@pytest.mark.parametrize("content", ["", "{", "[]", "1", "\xff"])
def test_outputs_that_are_no_json_object_are_refused_by_their_file(tmp_path: Path, content: str) -> None:
    file = tmp_path / "executor_output.json"
    write = "import sys; open(sys.argv[1], 'w', encoding='latin-1').write(sys.argv[2])"

    with pytest.raises(OutputError, match=r"executor_output\.json: the step train wrote no JSON"):
        run_step(Step("train", ("python", "-c", write, str(file), content), {}, str(file)), StepSettings())
