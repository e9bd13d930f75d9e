from __future__ import annotations

import pytest

from hydra_vertex.cli.main import main
from json_schemas import printed_document
from pipelines.apps import Project, make_project

SECRET = "a-long-secret-value"  # noqa: S105 - it is what must not be printed


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(autouse=True)
def _in_project(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.path)


def test_the_arguments_and_the_command_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--parameter", "lr=1", "--", "python", "app.py", "depth=2", "-cn", "config"]) == 0

    printed = capsys.readouterr().out
    assert "float" in printed
    assert printed.splitlines()[-1] == "python app.py -cn config depth=2 lr=1.0"


def test_the_document_has_the_typed_values_and_the_choices(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--parameter", "rate=0.5", "--alias", "rate=lr", "--parameter", "model=large", "--json"]
    assert main(["explain", *words, "--", "python", "app.py", "experiment=mine"]) == 0

    document = printed_document(capsys.readouterr().out)
    assert [(item["kind"], item["override"]) for item in document["arguments"]] == [
        ("hydra", "experiment=mine"),
        ("value", "lr=0.5"),
        ("group", "model=large"),
    ]
    assert (document["config"]["lr"], document["config"]["note"]) == (0.5, "mine")
    assert document["choices"] == {"experiment": "mine", "model": "large"}
    assert document["groups"]["model"] == ["large", "small"]


def test_a_secret_is_masked_in_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--json", "--", "python", "app.py", f"+api_key={SECRET}"]) == 0

    printed = capsys.readouterr()
    assert printed_document(printed.out)["config"]["api_key"] == "***"
    assert SECRET not in printed.out + printed.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--parameter", "lrr=1", "--", "python", "app.py"], "did you mean 'lr'?"),
        (["--parameter", "depth=half", "--", "python", "app.py"], "depth"),
        (["--", "python", "none.py"], "none.py"),
        ([], "the app's command is missing"),
    ],
)
def test_what_the_app_refuses_is_one_line(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", *words]) == 2

    assert says in capsys.readouterr().err


@pytest.mark.parametrize("text", ["lr", "=1", "a b=1"])
def test_a_malformed_parameter_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["explain", f"--parameter={text}", "--", "python", "app.py"])

    assert ended.value.code == 2
    assert "expected KEY=VALUE" in capsys.readouterr().err
