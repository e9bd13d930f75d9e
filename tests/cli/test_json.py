"""`--json`: one document on stdout, in a form that has a JSON Schema, for results and for errors."""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from hydra_vertex.cli.documents import FOREIGN, VERSIONS, schema_id
from hydra_vertex.cli.failures import UNEXPECTED, Failure, failure_of
from hydra_vertex.cli.main import COMMANDS, build_parser, main
from hydra_vertex.job import JobState, TrialState
from hydra_vertex.protocol import errors
from hydra_vertex.protocol.errors import DocumentError, HydraVertexError, ServiceError
from json_schemas import names, printed_document, schema, validated
from pipelines.apps import Project, environment, make_project

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).parent / "golden" / "schemas.json"
APP = ("--", "python", "noisy.py")
NOISY = """
import os
import subprocess
import sys

print("printed at import")
os.write(1, b"written to the descriptor\\n")
subprocess.run(["echo", "printed by a child"])
"""
MISSING = "kfp.dsl is not installed; pip install 'hydra-vertex[all]'"
MISSING_ANYIO = "anyio is not installed; pip install 'hydra-vertex[mcp]'"
IMAGE = ("--image", "europe-docker.pkg.dev/p/r/train:1")
VERTEX = (*IMAGE, "--trial-machine-type", "n1-standard-4")


class BusyError(ServiceError):
    pass


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = make_project(tmp_path_factory.mktemp("project"))
    project.write("noisy.py", NOISY + (project.path / "app.py").read_text())
    return project


@pytest.fixture(scope="module")
def finished(project: Project) -> dict[str, Any]:
    ended = project.hydra_vertex(
        *(
            "run",
            "--search",
            "search.yaml",
            "--trials",
            "2",
            "--parallel",
            "2",
            "--no-retrain",
            "--out",
            "out",
            "--json",
        ),
        *APP,
    )
    assert ended.code == 0, ended.stderr
    return printed_document(ended.stdout)


def parsers() -> dict[str, argparse.ArgumentParser]:
    actions = [a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction)]
    return dict(actions[0].choices)


def own_objects(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every schema with a list of properties."""
    if isinstance(value, dict):
        if "properties" in value:
            yield value
        for item in value.values():
            yield from own_objects(item)
    elif isinstance(value, list):
        for item in value:
            yield from own_objects(item)


def subclasses(kind: type[HydraVertexError]) -> Iterator[type[HydraVertexError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from subclasses(below)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_the_option(command: str) -> None:
    assert "--json" in parsers()[command].format_help()


@pytest.mark.parametrize("name", names())
def test_a_schema_is_valid_and_names_its_version(name: str) -> None:
    Draft202012Validator.check_schema(schema(name))

    if name in FOREIGN:
        assert schema(name)["not"] == {"required": ["schema"]}
    else:
        assert schema(name)["$id"] == schema_id(name)
        assert schema(name)["properties"]["schema"] == {"const": schema_id(name)}


@pytest.mark.parametrize("name", VERSIONS)
def test_a_schema_of_ours_lists_every_field(name: str) -> None:
    assert all(found["additionalProperties"] is False for found in own_objects(schema(name)))


def test_every_form_has_a_schema_and_a_row_in_the_documentation() -> None:
    assert names() == sorted((*VERSIONS, *FOREIGN))
    text = (ROOT / "docs" / "json.md").read_text()
    assert [name for name in names() if f"(schemas/{name}.schema.json)" not in text] == []


def test_a_schema_changes_only_with_its_version() -> None:
    known: dict[str, str] = json.loads(GOLDEN.read_text())
    digests = {
        schema(name)["$id"]: hashlib.sha256(json.dumps(schema(name), sort_keys=True).encode()).hexdigest()[:16]
        for name in names()
    }

    changed = {form: digest for form, digest in digests.items() if known.get(form) != digest}
    assert not changed, (
        f"raise the version in the schema and in cli/documents.py, and write to {GOLDEN.name}: {changed}"
    )
    assert set(known) == set(digests)


def test_the_documentation_has_the_error_tree_and_its_exit_codes() -> None:
    kinds = [kind for kind in subclasses(HydraVertexError) if kind.__module__ == errors.__name__]
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|", (ROOT / "docs" / "json.md").read_text(), re.MULTILINE)

    assert dict(rows) == {kind.__name__: str(kind.exit_code) for kind in kinds} | {UNEXPECTED: "1"}
    fields = schema("error")["properties"]
    assert sorted(fields["kind"]["enum"]) == sorted(dict(rows))
    assert fields["exitCode"]["enum"] == sorted({kind.exit_code for kind in kinds})


def test_the_schemas_have_the_states_of_the_api() -> None:
    assert schema("status")["properties"]["state"]["enum"] == [state.value for state in JobState]
    assert list(schema("status")["properties"]["trials"]["properties"]) == [state.value for state in TrialState]


def test_what_an_app_prints_does_not_reach_stdout(project: Project, finished: dict[str, Any]) -> None:
    checked = project.hydra_vertex("check", "--search", "search.yaml", "--smoke", "--json", *APP)

    assert printed_document(checked.stdout)["smoke"]["value"] > 0
    assert finished["schema"] == schema_id("run")


@pytest.mark.parametrize("words", [["status"], ["watch"], ["best", "-o", "best.yaml"], ["report", "-o", "r.html"]])
def test_the_commands_on_a_finished_run_print_one_document(
    project: Project,
    finished: dict[str, Any],
    words: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(project.path)

    assert main([words[0], "out", *words[1:], "--json"]) == 0

    name = "status" if words[0] == "watch" else words[0]
    assert printed_document(capsys.readouterr().out)["schema"] == schema_id(name)


def test_an_exported_study_is_one_document(
    project: Project, finished: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(project.path / "out"), "--optuna", str(tmp_path / "s.log"), "--json"]) == 0

    assert printed_document(capsys.readouterr().out)["trials"] == len(
        json.loads((project.path / "out" / "job.json").read_text())["trials"]
    )


def test_watching_with_json_lines_prints_a_document_a_line(
    project: Project, finished: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["watch", str(project.path / "out"), "--json-lines"]) == 0

    lines = [validated(json.loads(line)) for line in capsys.readouterr().out.splitlines()]
    assert [line["state"] for line in lines] == ["JOB_STATE_SUCCEEDED"]


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("compile", "-o", "p.json"), "compile"),
        (("component", "tune", "-o", "tune.yaml"), "component"),
        (("arguments", "--search", "search.yaml", "--no-check", *IMAGE, *APP), "arguments"),
        (("arguments", "--search", "search.yaml", "--no-check", *IMAGE, "-o", "a.json", *APP), "arguments-file"),
        (("job", "--search", "search.yaml", "--no-check", "--root", "gs://b/r", *VERTEX, *APP), "job"),
        (
            ("job", "--search", "search.yaml", "--no-check", "--root", "gs://b/r", *VERTEX, "-o", "j.yaml", *APP),
            "job-file",
        ),
    ],
)
def test_a_command_that_writes_a_file_prints_one_document(
    project: Project,
    words: tuple[str, ...],
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(project.path)

    assert main([words[0], "--json", *words[1:]]) == 0

    document = printed_document(capsys.readouterr().out, name)
    assert document.get("schema") == (None if name in FOREIGN else schema_id(name))


@pytest.mark.parametrize("command", COMMANDS)
def test_an_invalid_command_line_is_an_error_document(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--json", "--no-such-option", "x"])

    assert ended.value.code == 2
    printed = capsys.readouterr()
    document = printed_document(printed.out)
    assert (document["kind"], document["exitCode"]) == ("CommandError", 2)
    assert printed.err == f"hydra-vertex: {document['message']}\n"


ERRORS = {
    "OutputError": ("status", "nothing.json"),
    "SearchSpaceError": ("check", "--search", "bad.yaml", *APP),
    "CommandError": ("arguments", "--endpoint", "nowhere", "--search", "search.yaml", *APP),
}


@pytest.mark.parametrize("kind", ERRORS)
def test_a_failure_is_an_error_document_of_its_class(
    project: Project, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project.path)
    project.write("bad.yaml", "hydra: {sweeper: {params: {lr: 'interval(1, 1)'}}}")
    command, *words = ERRORS[kind]

    code = main([command, "--json", *words])

    document = printed_document(capsys.readouterr().out)
    assert (document["kind"], document["exitCode"]) == (kind, code)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (DocumentError("a.b", "is missing"), Failure("DocumentError", "a.b: is missing", 2, field="a.b")),
        (BusyError("busy", http_status=429), Failure("ServiceError", "busy", 1, http_status=429)),
        (KeyboardInterrupt(), Failure("Interrupted", "stopped", 130)),
        (OSError(28, "No space left on device", "a"), Failure("HydraVertexError", "a: No space left on device", 1)),
        (ModuleNotFoundError(name="kfp.dsl"), Failure("UserError", MISSING, 2)),
        (ModuleNotFoundError(name="anyio"), Failure("UserError", MISSING_ANYIO, 2)),
    ],
)
def test_a_failure_has_the_class_of_the_tree_that_its_error_belongs_to(error: Exception, expected: Failure) -> None:
    assert failure_of(error) == expected
    validated({"schema": schema_id("error"), **expected.document()})


def test_an_unexpected_error_has_a_document_and_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "hydra_vertex.pipelines.component_list", object())

    with pytest.raises(ImportError):
        main(["component", "tune", "-o", "x.yaml", "--json"])

    assert printed_document(capsys.readouterr().out)["kind"] == UNEXPECTED


def test_a_check_with_findings_prints_its_own_document_only(project: Project) -> None:
    project.write("unknown.yaml", (project.path / "search.yaml").read_text().replace("      lr:", "      learning:"))

    ended = project.hydra_vertex("check", "--search", "unknown.yaml", "--json", *APP)

    assert ended.code == 2
    assert printed_document(ended.stdout)["findings"]


@pytest.mark.parametrize("options", [["--help"], ["-h"]])
def test_help_is_text_with_the_option_too(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "--json", *options])

    assert capsys.readouterr().out.startswith("usage: ")


def test_a_service_announces_itself_by_one_document(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hydra_vertex.cli.main", "serve", "--port", "0", "--dir", "studies", "--json"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, env=environment()) as service:
        assert service.stdout is not None
        text = ""
        while not text.endswith("}\n"):
            text += service.stdout.readline()
        document = printed_document(text)
        service.send_signal(signal.SIGTERM)
        rest = service.stdout.read()

    assert document["pid"] == service.pid
    assert document["folder"] == str((tmp_path / "studies").resolve())
    assert rest == ""


def test_the_document_of_a_command_without_stderr_is_whole(project: Project) -> None:
    command = [
        "sh",
        "-c",
        'exec "$@" 2>&-',
        "sh",
        sys.executable,
        "-m",
        "hydra_vertex.cli.main",
        "status",
        "x.json",
        "--json",
    ]
    ended = subprocess.run(command, cwd=project.path, capture_output=True, text=True, env=environment(), check=False)

    assert ended.returncode == 2
    assert printed_document(ended.stdout)["kind"] == "OutputError"
