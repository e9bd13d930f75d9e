"""Pipelines of users: their own Python steps, control flow, and what cannot run on this machine."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Optional

import pytest
from kfp import dsl

from hydra_vertex.cli.main import main
from hydra_vertex.pipelines.compiler import compile_to_file
from hydra_vertex.pipelines.local.failures import StepFailed
from hydra_vertex.pipelines.local.kfp_local import LocalRun
from hydra_vertex.pipelines.local.own_pipeline import arguments_of, run_own_pipeline
from hydra_vertex.protocol.errors import OutputError, UserError
from json_schemas import printed_document

python_step: Any = dsl.component(base_image="python:3.11")


@python_step
def note(text: str, folder: str) -> None:
    """Append a line to a file, in which a test sees which steps have run."""
    from pathlib import Path

    with Path(folder, "notes").open("a") as file:
        file.write(text + "\n")


@python_step
def split(text: str) -> NamedTuple("Parts", [("head", str), ("size", int), ("items", list)]):  # type: ignore[valid-type]
    parts: Any = (text[:1], len(text), list(text))
    return parts


@python_step
def write(text: str, data: dsl.Output[dsl.Dataset]) -> None:
    from pathlib import Path

    Path(data.path).write_text(text)
    data.metadata["length"] = len(text)


@python_step
def read(data: dsl.Input[dsl.Dataset]) -> str:
    from pathlib import Path

    return Path(data.path).read_text() + str(int(data.metadata["length"]))


@python_step
def fail(folder: str) -> None:
    from pathlib import Path

    with Path(folder, "notes").open("a") as file:
        file.write("failing\n")
    raise SystemExit(3)


@python_step
def cleanup(folder: str, status: dsl.PipelineTaskFinalStatus) -> None:
    from pathlib import Path

    with Path(folder, "notes").open("a") as file:
        file.write(f"cleanup after {status.state}\n")


def run(pipeline: Any, tmp_path: Path, **arguments: Any) -> LocalRun:
    compile_to_file(pipeline, tmp_path / "p.yaml")
    return run_own_pipeline(tmp_path / "p.yaml", arguments, tmp_path / "out")


def notes(tmp_path: Path) -> list[str]:
    file = tmp_path / "notes"
    return file.read_text().splitlines() if file.exists() else []


def test_python_steps_pass_on_parameters_and_artifacts(tmp_path: Path) -> None:
    @dsl.pipeline(name="mixed")
    def mixed(text: str) -> str:
        return read(data=write(text=text).outputs["data"]).output

    done = run(mixed, tmp_path, text="it's $x")

    assert done.parameter("read", "Output") == "it's $x7"
    assert done.metadata("write", "data") == {"length": 7}


def test_two_tasks_of_one_component_have_a_folder_each(tmp_path: Path) -> None:
    @dsl.pipeline(name="twice")
    def twice() -> None:
        first, second = write(text="one"), write(text="two")
        read(data=first.outputs["data"])
        read(data=second.outputs["data"])

    compile_to_file(twice, tmp_path / "p.json")
    compiled = json.loads((tmp_path / "p.json").read_text())
    # kfp compiles a component for each task; a pipeline may also have one for several.
    for task in compiled["root"]["dag"]["tasks"].values():
        task["componentRef"]["name"] = task["componentRef"]["name"].removesuffix("-2")
    (tmp_path / "p.json").write_text(json.dumps(compiled))

    done = run_own_pipeline(tmp_path / "p.json", {}, tmp_path / "out")

    assert {done.parameter(step, "Output") for step in ("read", "read.2")} == {"one3", "two3"}
    assert done.artifact("write", "data") != done.artifact("write.2", "data")


@pytest.mark.parametrize(
    ("text", "expected"), [("a", ["small", "a"]), ("bcd", ["large", "not a"]), ("it's", ["large", "not a"])]
)
def test_a_condition_on_a_named_output_decides(text: str, expected: list[str], tmp_path: Path) -> None:
    @dsl.pipeline(name="branches")
    def branches(text: str, folder: str) -> None:
        parts = split(text=text)
        with dsl.If(parts.outputs["size"] < 2):
            note(text="small", folder=folder)
        with dsl.Else():
            note(text="large", folder=folder)
        with dsl.If(parts.outputs["head"] == "a"):
            note(text="a", folder=folder)
        with dsl.Else():
            note(text="not a", folder=folder)

    run(branches, tmp_path, text=text, folder=str(tmp_path))

    assert sorted(notes(tmp_path)) == sorted(expected)


def test_a_loop_over_a_named_output_keeps_the_other_outputs_of_its_body(tmp_path: Path) -> None:
    @dsl.pipeline(name="loop")
    def loop(text: str, folder: str) -> None:
        parts = split(text=text)
        with dsl.ParallelFor(parts.outputs["items"]) as item:
            written = write(text=item)
            seen = read(data=written.outputs["data"])
            note(text=f"{parts.outputs['head']} {item} {seen.output}", folder=folder)

    run(loop, tmp_path, text="xyz", folder=str(tmp_path))

    assert sorted(notes(tmp_path)) == ["x x x1", "x y y1", "x z z1"]


def test_a_nested_pipeline_has_its_own_defaults_and_artifacts(tmp_path: Path) -> None:
    @dsl.pipeline(name="inner-text")
    def inner_text(folder: str, text: str = "inner") -> None:
        note(text=text, folder=folder)

    @dsl.pipeline(name="inner-data")
    def inner_data(data: dsl.Input[dsl.Dataset]) -> str:
        return read(data=data).output

    @dsl.pipeline(name="outer")
    def outer(folder: str, text: str) -> None:
        inner_text(folder=folder)
        note(text=inner_data(data=write(text=text).outputs["data"]).output, folder=folder)

    run(outer, tmp_path, text="outer", folder=str(tmp_path))

    assert sorted(notes(tmp_path)) == ["inner", "outer5"]


def test_an_optional_input_without_a_value_is_left_out(tmp_path: Path) -> None:
    @dsl.component(base_image="python:3.11")
    def show(folder: str, number: Optional[int] = None, text: Optional[str] = None) -> None:  # noqa: UP045 - kfp's form
        from pathlib import Path

        Path(folder, "notes").write_text(f"{number} {text}\n")

    @dsl.pipeline(name="optional")
    def optional(folder: str, text: Optional[str] = None) -> None:  # noqa: UP045 - kfp's form
        show(folder=folder, text=text)

    run(optional, tmp_path, folder=str(tmp_path))

    assert notes(tmp_path) == ["None None"]


@pytest.mark.parametrize("ends_badly", [True, False])
def test_an_exit_handler_runs_after_success_and_failure(ends_badly: bool, tmp_path: Path) -> None:
    @dsl.pipeline(name="handled")
    def handled(folder: str, ends_badly: bool) -> None:
        with dsl.ExitHandler(cleanup(folder=folder)):
            first = note(text="body", folder=folder)
            with dsl.If(ends_badly == True):  # noqa: E712 - kfp's operator
                fail(folder=folder).after(first)

    arguments = {"folder": str(tmp_path), "ends_badly": ends_badly}
    if ends_badly:
        with pytest.raises(StepFailed, match="the step fail failed with exit code 3") as caught:
            run(handled, tmp_path, **arguments)
        assert caught.value.exit_code == 3
        assert sorted(notes(tmp_path)) == ["body", "cleanup after FAILED", "failing"]
    else:
        run(handled, tmp_path, **arguments)
        assert notes(tmp_path) == ["body", "cleanup after SUCCEEDED"]


def test_a_failed_step_is_retried_as_on_a_cluster(tmp_path: Path) -> None:
    @dsl.pipeline(name="retried")
    def retried(folder: str) -> None:
        fail(folder=folder).set_retry(2, backoff_duration="0s")

    with pytest.raises(StepFailed):
        run(retried, tmp_path, folder=str(tmp_path))

    assert notes(tmp_path) == ["failing"] * 3


@python_step
def fail_once(folder: str) -> None:
    from pathlib import Path

    mark = Path(folder, "failed-once")
    is_first = not mark.exists()
    mark.touch()
    raise SystemExit(4 if is_first else 0)


def test_the_step_that_failed_in_the_end_is_named_and_not_one_that_a_retry_repaired(tmp_path: Path) -> None:
    @dsl.pipeline(name="repaired")
    def repaired(folder: str) -> None:
        first = fail_once(folder=folder).set_retry(1, backoff_duration="0s")
        fail(folder=folder).after(first)

    with pytest.raises(StepFailed, match="the step fail failed with exit code 3"):
        run(repaired, tmp_path, folder=str(tmp_path))


@python_step
def ends(text: str) -> str:
    raise SystemExit(5)


@python_step
def note_text(folder: str, text: str = "default") -> None:
    from pathlib import Path

    Path(folder, "notes").write_text(text + "\n")


@python_step
def note_all(folder: str, texts: list[str] = ["none"]) -> None:  # noqa: B006 - kfp reads the default
    from pathlib import Path

    Path(folder, "notes").write_text("+".join(texts) + "\n")


def test_a_step_that_ignores_a_failure_runs_with_its_default(tmp_path: Path) -> None:
    @dsl.pipeline(name="ignoring")
    def ignoring(text: str, folder: str) -> None:
        note_text(folder=folder, text=ends(text=text).output).ignore_upstream_failure()

    with pytest.raises(StepFailed, match="the step ends failed with exit code 5"):
        run(ignoring, tmp_path, text="t", folder=str(tmp_path))
    assert notes(tmp_path) == ["default"]


def test_a_step_that_ignores_the_failure_of_a_loop_runs_with_its_default(tmp_path: Path) -> None:
    @dsl.pipeline(name="ignoring")
    def ignoring(folder: str) -> None:
        with dsl.ParallelFor(["a"]) as item:
            ended = ends(text=item)
        note_all(folder=folder, texts=dsl.Collected(ended.output)).ignore_upstream_failure()

    with pytest.raises(StepFailed, match="ends failed with exit code 5"):
        run(ignoring, tmp_path, folder=str(tmp_path))
    assert notes(tmp_path) == ["none"]


def test_a_step_without_a_failure_before_it_has_the_output(tmp_path: Path) -> None:
    @dsl.pipeline(name="ignoring")
    def ignoring(folder: str) -> None:
        note_text(folder=folder, text=join(texts=["a", "b"]).output).ignore_upstream_failure()

    run(ignoring, tmp_path, folder=str(tmp_path))
    assert notes(tmp_path) == ["a+b"]


@python_step
def join(texts: list[str]) -> str:
    return "+".join(texts)


def test_the_outputs_of_a_loop_are_collected(tmp_path: Path) -> None:
    @dsl.pipeline(name="collected")
    def collected(text: str) -> str:
        with dsl.ParallelFor(split(text=text).outputs["items"], parallelism=1) as item:
            part = join(texts=[item, "!"])
        return join(texts=dsl.Collected(part.output)).output

    done = run(collected, tmp_path, text="ab")

    assert done.parameter("join-2", "Output") == "a+!+b+!"


@pytest.mark.parametrize(("text", "expected"), [("a", "first"), ("b", "second"), ("c", "third")])
def test_one_of_several_branches_gives_the_output(text: str, expected: str, tmp_path: Path) -> None:
    @dsl.pipeline(name="one-of")
    def one_of(text: str, folder: str) -> None:
        head = split(text=text).outputs["head"]
        with dsl.If(head == "a"):
            first = join(texts=["first"])
        with dsl.Elif(head == "b"):
            second = join(texts=["second"])
        with dsl.Else():
            third = join(texts=["third"])
        note(text=dsl.OneOf(first.output, second.output, third.output), folder=folder)

    run(one_of, tmp_path, text=text, folder=str(tmp_path))

    assert notes(tmp_path) == [expected]


def test_an_importer_of_a_file_of_this_machine_runs(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_text("text")

    @dsl.pipeline(name="importing")
    def importing_a_file() -> None:
        found = dsl.importer(artifact_uri=str(file), artifact_class=dsl.Dataset, metadata={"length": 4})
        read(data=found.output)

    assert run(importing_a_file, tmp_path).parameter("read", "Output") == "text4"


def container(command: list[str], args: list[str] | None = None) -> Callable[[], Any]:
    @dsl.container_component
    def foreign() -> dsl.ContainerSpec:
        return dsl.ContainerSpec(image="r/foreign:1", command=command, args=args or [])

    return foreign


def importing() -> Any:
    return dsl.importer(artifact_uri="gs://bucket/data", artifact_class=dsl.Dataset)


def in_image() -> Any:
    @dsl.component(base_image="python:3.11", target_image="r/mine:1")
    def in_its_image() -> None: ...

    return in_its_image()


def with_import() -> Any:
    @dsl.component(base_image="python:3.11")
    def importer_of_nothing() -> None:
        import no_such_module_anywhere  # type: ignore[import-not-found] # noqa: F401

    return importer_of_nothing()


UNSUPPORTED: dict[str, tuple[Callable[[], Any], str]] = {
    "a program": (
        container(["gsutil-no-such", "ls"]),
        "the step foreign runs the program gsutil-no-such of its image r/f",
    ),
    "a module": (
        container(["python", "-m", "no_such.mod"]),
        "the step foreign runs the module no_such.mod of its image",
    ),
    "a file": (
        container(["python", "/app/no.py"]),
        "the step foreign runs the file /app/no.py of its image r/foreign:1",
    ),
    "an entry point": (
        container([]),
        "the step foreign has no command, and the entry point of its image r/foreign:1 is",
    ),
    "a placeholder": (
        container(["echo", "{{$.no_such}}"]),
        "the step foreign has the placeholder {{$.no_such}}, which",
    ),
    "an import": (importing, "imports gs://bucket/data, and there is no /gcs/bucket/data on this machine"),
    "a function in its image": (in_image, "the step in-its-image runs a function that is in its image r/mine:1"),
    "a missing module": (with_import, "the step importer-of-nothing imports no_such_module_anywhere, which neither"),
}


@pytest.mark.parametrize("case", UNSUPPORTED)
def test_what_cannot_run_here_is_refused_before_the_first_step(case: str, tmp_path: Path) -> None:
    make, message = UNSUPPORTED[case]

    @dsl.pipeline(name="mixed")
    def mixed(folder: str) -> None:
        make().after(note(text="expensive", folder=folder))

    with pytest.raises(UserError) as caught:
        run(mixed, tmp_path, folder=str(tmp_path))

    assert message in str(caught.value)
    assert notes(tmp_path) == []


def test_packages_that_cannot_be_installed_are_refused_before_the_first_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")

    @dsl.component(base_image="python:3.11", packages_to_install=["no-such-package-here==1"])
    def needs_more() -> None: ...

    @dsl.pipeline(name="mixed")
    def mixed(folder: str) -> None:
        needs_more().after(note(text="expensive", folder=folder))

    with pytest.raises(
        UserError, match=r"the step needs-more: its packages cannot be installed here: .*no-such-package"
    ):
        run(mixed, tmp_path, folder=str(tmp_path))
    assert notes(tmp_path) == []


def test_a_step_s_packages_are_not_installed_into_this_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from importlib.util import find_spec

    project = tmp_path / "project"
    project.mkdir()
    (project / "only_for_the_step.py").write_text("VALUE = 42\n")
    (project / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "only-for-the-step"\nversion = "1"\n'
    )
    (project / "backend.py").write_text(BACKEND)
    monkeypatch.setenv("PIP_NO_INDEX", "1")

    @dsl.component(base_image="python:3.11", packages_to_install=[str(project)])
    def answer() -> int:
        import only_for_the_step  # type: ignore[import-not-found]

        return only_for_the_step.VALUE

    @dsl.pipeline(name="packaged")
    def packaged() -> None:
        answer()

    assert run(packaged, tmp_path).parameter("answer", "Output") == 42
    assert find_spec("only_for_the_step") is None


BACKEND = """
import zipfile
from pathlib import Path


def build_wheel(folder, config_settings=None, metadata_directory=None):
    name, info = "only_for_the_step-1-py3-none-any.whl", "only_for_the_step-1.dist-info"
    with zipfile.ZipFile(Path(folder, name), "w") as wheel:
        wheel.writestr("only_for_the_step.py", Path("only_for_the_step.py").read_text())
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: only-for-the-step\\nVersion: 1\\n")
        text = "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
        wheel.writestr(f"{info}/WHEEL", text)
        wheel.writestr(f"{info}/RECORD", "")
    return name
"""


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    @dsl.component(base_image="python:3.11")
    def keep(text: str, number: int, rate: float, flag: bool, items: list, mapping: dict, folder: str) -> None:
        import json
        from pathlib import Path

        Path(folder, "notes").write_text(json.dumps([text, number, rate, flag, items, mapping]) + "\n")

    @dsl.pipeline(name="typed")
    def typed_pipeline(
        text: str, number: int, rate: float, flag: bool, items: list, mapping: dict, folder: str
    ) -> None:
        keep(text=text, number=number, rate=rate, flag=flag, items=items, mapping=mapping, folder=folder)

    file = tmp_path_factory.mktemp("typed") / "p.json"
    compile_to_file(typed_pipeline, file)
    return file


GIVEN = ["text=a=1", "number=3", "rate=2", "flag=TRUE", 'items=["a"]', 'mapping={"a": "b"}']


def test_the_command_gives_typed_arguments_and_prints_the_outputs(
    typed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"

    assert main(["run-pipeline", str(typed), *GIVEN, f"folder={tmp_path}", "--out", str(out), "--json"]) == 0

    assert json.loads(notes(tmp_path)[0]) == ["a=1", 3, 2.0, True, ["a"], {"a": "b"}]
    printed = printed_document(capsys.readouterr().out)
    assert (printed["folder"], printed["steps"]) == (str(out), {"keep": {"artifacts": {}, "parameters": {}}})


def test_arguments_may_follow_an_option(typed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run-pipeline", str(typed), "--out", str(tmp_path / "out"), *GIVEN, "flug=true"]) == 2
    assert "the pipeline typed has no parameter flug" in capsys.readouterr().err

    with pytest.raises(SystemExit):
        main(["run-pipeline", str(typed), "--out", str(tmp_path / "out"), *GIVEN, "--flag"])
    assert "unrecognized arguments: " in capsys.readouterr().err


def test_settings_of_kubernetes_are_named(typed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "p.yaml"
    settings = "platforms: {kubernetes: {deploymentSpec: {executors: {exec-keep: {secretAsEnv: []}}}}}"
    file.write_text(f"{typed.read_text()}\n---\n{settings}\n")

    assert main(["run-pipeline", str(file), *GIVEN, f"folder={tmp_path}", "--out", str(tmp_path / "out")]) == 0

    assert "the Kubernetes settings of keep have no effect on this machine" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["number=x"], "number=x: the parameter is of type NUMBER_INTEGER, expected a whole number"),
        (["flag=yes"], "flag=yes: the parameter is of type BOOLEAN, expected true or false"),
        (["items={}"], "items={}: the parameter is of type LIST, expected a JSON array"),
        (["mapping=a"], "mapping=a: the parameter is of type STRUCT, expected a JSON object"),
        (["items=[NaN]"], "items=[NaN]: the parameter is of type LIST, expected a JSON array"),
        (["rate=nan"], "rate=nan: the parameter is of type NUMBER_DOUBLE, expected a finite number"),
        (["text={{$.x}}"], "text={{$.x}}: KFP takes {{$ for the beginning of a placeholder"),
        (["number"], "number: expected NAME=VALUE"),
        (["number=1", "number=2"], "number: is given twice"),
        (["numbr=1"], "the pipeline typed has no parameter numbr; it has flag, folder"),
        ([], "the pipeline typed needs a value for flag, folder"),
    ],
)
def test_an_argument_that_does_not_fit_is_refused_by_name(typed: Path, given: list[str], message: str) -> None:
    with pytest.raises(UserError) as caught:
        arguments_of(typed, given)

    assert message in str(caught.value)


@pytest.mark.parametrize("option", ["--engine=slurm", "--trial-memory=8GiB", "--max-parallel=2", "--trials-per-gpu=2"])
def test_an_option_of_trials_that_there_are_none_of_is_refused(
    typed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    assert main(["run-pipeline", str(typed), *GIVEN, f"folder={tmp_path}", option]) == 2

    stderr = capsys.readouterr().err
    assert f"hydra-vertex: {option.partition('=')[0]}" in stderr
    assert "no step of" in stderr


def test_a_folder_with_files_is_refused(typed: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(OutputError, match="is not empty; give a new folder"):
        run_own_pipeline(typed, arguments_of(typed, [*GIVEN, "folder=f"]), tmp_path)
