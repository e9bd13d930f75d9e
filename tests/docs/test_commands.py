"""Every command of the documentation is parsed by its program's parser, and has a mark if no test runs it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conftest import ROOT
from docs.commands import (
    REASONS,
    Command,
    all_commands,
    commands_of,
    exit_code_of,
    files_of,
    folder_of,
    inline_commands,
    inline_options,
    lines_outside_console,
    pages,
)
from docs.parsing import StaleCommandError, options_of, parse, subparsers, trial_options

COMMANDS = all_commands()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: f"{command.page}:{command.line}")
def test_a_command_is_accepted_by_the_parser_of_its_program(command: Command) -> None:
    for words in command.programs:
        parse(words)


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_are_in_console_blocks_only(page: Path) -> None:
    assert lines_outside_console(page) == []


def test_every_mark_has_a_known_reason() -> None:
    unknown = {
        command.mark
        for command in COMMANDS
        if command.mark not in {"", *REASONS} and not re.match(r"run by |exit code \d+$", command.mark)
    }

    assert unknown == set()


@pytest.mark.parametrize(
    ("page", "test"),
    sorted({(each.page, each.mark.removeprefix("run by ")) for each in COMMANDS if each.mark.startswith("run by ")}),
)
def test_the_test_file_that_a_mark_names_reads_the_page(page: str, test: str) -> None:
    assert page in (ROOT / test).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_within_sentences_have_options_that_exist(page: Path) -> None:
    stale = []
    for words in inline_commands(page):
        match words:
            case ["hydra-vertex", command, *rest] if command.islower() and not command.startswith("-"):
                known = options_of(command) if command in subparsers() else set()
                stale += [] if known else [command]
            case ["hydra-trial", *rest]:
                known = set(trial_options())
            case _:
                continue
        own = rest[: rest.index("--")] if "--" in rest else rest
        names = [word.partition("=")[0] for word in own if re.match(r"--[a-z]", word)]
        stale += [name for name in names if name not in known]

    assert stale == []


OF_OTHER_PROGRAMS = {
    "gcloud": "--config --display-name --max-trial-count --member --parallel-trial-count --region --role",
    "Hydra": "--cfg --config-dir --info",
    "Slurm": "--cpus-per-task --exclusive --export --mail-type --me --mem --nice --no-requeue --requeue --signal "
    "--test-only --time",
    "Docker": "--init --read-only --tmpfs",
    "torchrun": "--nnodes --node-rank --nproc-per-node",
    "Python": "--directory",
    "benchmarks": "--algorithm --contract --curves --earlier --first --folder --optimiser --random --seeds --set",
    "an app": "--db --id --layers --run --x",
}
"""Options within sentences that are not those of hydra-vertex or hydra-trial."""


def test_every_option_within_a_sentence_exists() -> None:
    own = set(trial_options()).union(*(options_of(command) for command in subparsers()))
    mentioned = {option for page in pages() for option in inline_options(page)}

    assert mentioned - own == {option for options in OF_OTHER_PROGRAMS.values() for option in options.split()}


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["hydra-vertex", "run", "--gone", "--", "python", "a.py"], "--gone"),
        (["hydra-vertex", "gone"], "gone"),
        (["hydra-vertex", "run", "--early-stopping", "gone"], "gone"),
        (["hydra-vertex", "submit", "pipeline.json"], "required"),
        (["hydra-trial", "--gone", "--", "python", "a.py"], "--gone"),
        (["make", "gone"], "gone"),
        (["pip", "install", "hydra-vertex[gone]"], "gone"),
    ],
)
def test_a_stale_command_is_found(words: list[str], complaint: str) -> None:
    with pytest.raises(StaleCommandError, match=complaint):
        parse(words)


def test_commands_of_several_lines_pipes_and_comments_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- commands: never ends -->\n```console\n$ a b \\\n    c   # why\nprinted\n$ d 'x | y' | e\n```\n\n"
        '<!-- commands: exit code 2 -->\n```console\n$ f "g\nh"\n```\n\n```text\n$ no command\n```\n'
    )
    monkeypatch.setattr("docs.commands.ROOT", tmp_path)

    first, second, third = commands_of(page)

    assert first.programs == [["a", "b", "c"]]
    assert first.output == "printed\n"
    assert second.programs == [["d", "x | y"], ["e"]]
    assert third.programs == [["f", "g\nh"]]
    assert [exit_code_of(each) for each in (first, third)] == [0, 2]
    assert [each.is_run for each in (first, second, third)] == [False, False, True]


def test_a_command_outside_a_console_block_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("    hydra-vertex run --a\n\n```bash\nmake test\n```\n\n```dockerfile\npip install a\n```\n")

    assert [line.strip() for line in lines_outside_console(page)] == ["make test", "hydra-vertex run --a"]


def test_files_of_a_page_have_their_names_in_the_first_line(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\n# a.py\nx = 1\n```\n\n```yaml\nx: 1\n```\n\n```yaml\n# b/c.yaml: why\nx: 1\n```\n")

    assert {name: text.splitlines()[-1] for name, text in files_of(page).items()} == {
        "a.py": "x = 1",
        "b/c.yaml": "x: 1",
    }


PAGES_OF_A_FOLDER = [page for page in pages() if folder_of(page)]


@pytest.mark.parametrize("page", PAGES_OF_A_FOLDER, ids=lambda page: page.name)
def test_a_file_that_a_page_shows_is_that_of_the_page_s_folder(page: Path) -> None:
    for name, text in files_of(page).items():
        kept = (ROOT / folder_of(page) / name).read_text()
        assert kept in {text, text.partition("\n")[2]}, name


def test_the_search_file_of_the_lightning_template_is_shown_whole() -> None:
    assert list(files_of(ROOT / "docs/from-lightning-template.md")) == ["configs/hparams_search/line.yaml"]
