import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hydra_vertex.pipelines.compiler import compile_to_file
from hydra_vertex.pipelines.local import kfp_local
from hydra_vertex.pipelines.local.failures import StepFailed
from hydra_vertex.pipelines.local.kfp_local import LocalRun, run_pipeline
from hydra_vertex.protocol.errors import OutputError, UserError

# The program of a container component: writes its artifact and its arguments as KFP's executor output.
STEP = """
import json, os, sys
from hydra_vertex.protocol.executor import parse_executor_input
from hydra_vertex.protocol.files import write_atomic
given = parse_executor_input(sys.argv[-1])
if given.text("mode") == "fail":
    sys.exit(3)
if given.text("mode") == "killed":
    os.kill(os.getpid(), 9)
if given.text("mode") == "hang":
    import time
    open(given.text("mark"), "w").write(str(os.getpid()))
    time.sleep(60)
if given.text("mode") == "silent":
    sys.exit(0)
before = [a.path.read_text() for a in given.inputs.values()]
for artifact in given.outputs.values():
    write_atomic(artifact.path, "".join(before) + given.text("text"))
if given.text("mode") == "wordless":
    given.write_output({})
    sys.exit(0)
given.write_output({"count": given.integer("number") + 1, "python": sys.executable}, {"out": {"loss": 1.5}})
print("printed by the step")
"""


@pytest.fixture(scope="module")
def pipelines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile a pipeline of two steps to .json and .yaml."""
    from kfp import dsl

    command, args = ["python", "-c", STEP], ["--executor_input", "{{$}}"]

    @dsl.container_component
    def first(
        text: str,
        number: int,
        out: dsl.Output[dsl.Artifact],
        count: dsl.OutputPath(int),
        python: dsl.OutputPath(str),
        mode: str = "",
        mark: str = "",
    ) -> dsl.ContainerSpec:
        return dsl.ContainerSpec(image="not/an-image", command=command, args=args)

    @dsl.container_component
    def second(
        text: str, number: int, inp: dsl.Input[dsl.Artifact], out: dsl.Output[dsl.Model], count: dsl.OutputPath(int)
    ) -> dsl.ContainerSpec:
        return dsl.ContainerSpec(image="not/an-image", command=command, args=args)

    @dsl.pipeline(name="two-steps")
    def two_steps(text: str, number: int = 1, mode: str = "", mark: str = "") -> None:
        one = first(text=text, number=number, mode=mode, mark=mark)
        second(text="!", number=one.outputs["count"], inp=one.outputs["out"])

    folder = tmp_path_factory.mktemp("pipelines")
    for suffix in ("json", "yaml"):
        compile_to_file(two_steps, folder / f"p.{suffix}")
    return folder


def run(pipelines: Path, tmp_path: Path, suffix: str = "json", **arguments: Any) -> Any:
    file = pipelines / f"p.{suffix}"
    return run_pipeline(file, arguments, pipeline_root=tmp_path / "root", log=tmp_path / "logs" / "pipeline.log")


@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_container_steps_run_as_processes_and_pass_on_their_outputs(
    pipelines: Path, tmp_path: Path, suffix: str
) -> None:
    done = run(pipelines, tmp_path, suffix, text="python $x 'y'", number=4)

    assert done.artifact("second", "out").read_text() == "python $x 'y'!"
    assert done.parameter("first", "count") == 5
    assert done.parameter("second", "count") == 6
    assert done.parameter("first", "python") == sys.executable
    assert done.parameter("first", "nothing") is None
    (folder,) = (tmp_path / "root").iterdir()
    assert (folder / "first" / "count").read_text() == "5"
    assert (folder / "first" / "python").read_text() == sys.executable


def test_a_missing_argument_has_the_default_of_the_pipeline(pipelines: Path, tmp_path: Path) -> None:
    assert run(pipelines, tmp_path, text="a").parameter("first", "count") == 2


def test_the_lines_of_kfp_go_to_the_log_and_none_to_stdout(
    pipelines: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with capfd.disabled():
        env = {**os.environ, "PYTHONWARNINGS": "error::RuntimeWarning"}
        code = (
            "from pathlib import Path; from hydra_vertex.pipelines.local.kfp_local import run_pipeline; "
            f"run_pipeline(Path({str(pipelines / 'p.json')!r}), {{'text': 'a'}}, "
            f"pipeline_root=Path({str(tmp_path / 'root')!r}), log=Path({str(tmp_path / 'log')!r}))"
        )
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True)

    assert ended.stdout == ""
    assert ended.stderr == "printed by the step\n" * 2
    assert "Executing task" in (tmp_path / "log").read_text()


def test_a_parameter_without_a_value_is_none(tmp_path: Path) -> None:
    from kfp import dsl

    @dsl.container_component
    def wordless(count: dsl.OutputPath(float), mode: str = "wordless") -> dsl.ContainerSpec:
        return dsl.ContainerSpec(image="i", command=["python3", "-c", STEP], args=["--executor_input", "{{$}}"])

    @dsl.pipeline(name="wordless-step")
    def wordless_step() -> None:
        wordless()

    compile_to_file(wordless_step, tmp_path / "p.json")
    done = run(tmp_path, tmp_path)

    assert done.outputs["wordless"]["parameterValues"] == {"count": None}
    assert done.parameter("wordless", "count") is None


@pytest.mark.parametrize(("mode", "exit_code"), [("fail", 3), ("killed", 137)])
def test_a_failing_step_is_named_with_its_exit_code(pipelines: Path, tmp_path: Path, mode: str, exit_code: int) -> None:
    with pytest.raises(StepFailed, match=f"the step first failed with exit code {exit_code}") as caught:
        run(pipelines, tmp_path, text="a", mode=mode)

    assert (caught.value.step, caught.value.exit_code) == ("first", exit_code)


@pytest.mark.parametrize("outputs", [{}, {"first": {}}, {"first": {"artifacts": {"out": {"artifacts": []}}}}])
def test_a_step_that_wrote_no_artifact_is_named(outputs: Any) -> None:
    with pytest.raises(OutputError, match="the step first wrote no artifact 'out'"):
        LocalRun(outputs).artifact("first", "out")


def test_arguments_that_do_not_fit_the_pipeline_are_refused_before_anything_runs(
    pipelines: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="the pipeline two-steps has no parameter txt; it has mark, mode, number, text"):
        run(pipelines, tmp_path, text="a", txt="a")
    with pytest.raises(UserError, match="the pipeline two-steps needs a value for text"):
        run(pipelines, tmp_path)
    assert not (tmp_path / "root").exists()


def test_a_file_that_is_not_a_pipeline_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text("{}")

    with pytest.raises(OutputError, match=r"p\.json: not a compiled pipeline"):
        run(tmp_path, tmp_path)


def test_a_step_whose_program_does_not_exist_is_named(tmp_path: Path) -> None:
    from kfp import dsl

    @dsl.container_component
    def foreign() -> dsl.ContainerSpec:
        return dsl.ContainerSpec(image="i", command=["/opt/no-such-program"], args=["--executor_input", "{{$}}"])

    @dsl.pipeline(name="foreign-step")
    def foreign_step() -> None:
        foreign()

    compile_to_file(foreign_step, tmp_path / "p.json")
    with pytest.raises(UserError, match="the step foreign runs the program /opt/no-such-program of its image i, which"):
        run(tmp_path, tmp_path)


def test_a_run_restores_the_global_state_of_kfp(pipelines: Path, tmp_path: Path) -> None:
    from kfp.local import config, subprocess_task_handler

    before = (config.LocalExecutionConfig.instance, subprocess_task_handler.SubprocessTaskHandler)
    with contextlib.suppress(StepFailed):
        run(pipelines, tmp_path, text="a", mode="fail")

    assert (config.LocalExecutionConfig.instance, subprocess_task_handler.SubprocessTaskHandler) == before


def test_kfp_s_workspace_is_in_the_run_s_folder_where_a_killed_run_leaves_it(
    pipelines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kfp.local import config

    workspaces = list[Path]()

    def load(_file: Path) -> Callable[..., None]:
        return lambda **_: workspaces.append(Path(config.LocalExecutionConfig.instance.workspace_root))

    monkeypatch.setattr(kfp_local, "load", load)
    run(pipelines, tmp_path, text="a")

    assert [workspace.parent for workspace in workspaces] == [tmp_path / "root"]
    assert list((tmp_path / "root").iterdir()) == []


def test_kfp_looks_up_the_handler_where_the_run_replaces_it() -> None:
    """The only class of kfp that is replaced. When this fails, kfp has moved it: see pipelines/local/kfp_local.py."""
    import inspect

    from kfp.local import subprocess_task_handler, task_dispatcher

    source = inspect.getsource(task_dispatcher.run_single_task_implementation)
    handler = subprocess_task_handler.SubprocessTaskHandler

    assert "subprocess_task_handler.SubprocessTaskHandler" in source
    assert {"run", "validate_image", "validate_not_container_component"} <= set(vars(handler))
    assert {"full_command", "env_vars"} <= set(inspect.signature(handler).parameters)


@pytest.mark.parametrize(
    ("send", "number", "ends_with"),
    [(os.killpg, signal.SIGINT, "KeyboardInterrupt"), (os.kill, signal.SIGTERM, "Terminated")],
    ids=["Ctrl-C, which the terminal sends to all", "SIGTERM to the runner alone"],
)
def test_the_running_step_is_ended_before_the_run_exits(
    pipelines: Path, tmp_path: Path, send: Callable[[int, int], None], number: signal.Signals, ends_with: str
) -> None:
    mark = tmp_path / "mark"
    code = (
        "from pathlib import Path; from hydra_vertex.pipelines.local.kfp_local import run_pipeline; "
        f"run_pipeline(Path({str(pipelines / 'p.json')!r}), {{'text': 'a', 'mode': 'hang', 'mark': {str(mark)!r}}}, "
        f"pipeline_root=Path({str(tmp_path / 'root')!r}), log=Path({str(tmp_path / 'log')!r}))"
    )
    runner = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, start_new_session=True)
    step = int(wait_for(mark))

    send(runner.pid, number)

    try:
        _, stderr = runner.communicate(timeout=20)
    finally:
        runner.kill()
    assert runner.returncode != 0
    assert stderr.splitlines()[-1].endswith(ends_with)
    assert not Path(f"/proc/{step}").exists()


def wait_for(path: Path, limit_s: float = 30.0) -> str:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if path.exists() and (text := path.read_text()):
            return text
        time.sleep(0.05)
    raise AssertionError(f"{path} did not appear in {limit_s} s")


def test_the_compiled_file_is_not_changed_by_a_run(pipelines: Path, tmp_path: Path) -> None:
    before = (pipelines / "p.json").read_bytes()
    run(pipelines, tmp_path, text="a")

    assert (pipelines / "p.json").read_bytes() == before
    assert json.loads(before)["pipelineInfo"]["name"] == "two-steps"
