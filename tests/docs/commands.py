"""The commands of the documentation: every line of a `console` block that begins with `$ `.

A comment before a block, `<!-- commands: REASON -->`, says why the tests do not run its commands; `REASONS` has the
allowed ones. `<!-- commands: run by FILE -->` names the test file that runs them, and `<!-- commands: exit code 2 -->`
says that they fail as the page tells. A comment with `;` has a part for each command of the block. Every other block is
run by `test_commands_run.py`, and what the page shows as its output is compared.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from conftest import ROOT

REASONS = frozenset(
    {
        "needs Google Cloud",
        "needs a cluster",
        "needs Docker",
        "needs a GPU",
        "installs packages",
        "never ends",
        "shows a form",  # placeholders such as `…` stand for the reader's own words
        "takes minutes",
        "nightly",  # run when DOCUMENTED_COMMANDS=all, and parsed otherwise
    }
)
PROGRAMS = (
    "hydra-vertex",
    "hydra-trial",
    "make",
    "python",
    "pip",
    "gcloud",
    "docker",
    "kubectl",
    "cd",
    "export",
    "sed",
)
"""The programs whose lines are commands. Another block than `console` may not have such a line."""

_BLOCK = re.compile(
    r"(?:^<!-- commands: (?P<mark>[^\n]+?) -->\n)?^```(?P<kind>[^\n`]*)\n(?P<body>.*?)^```[ ]*$",
    re.MULTILINE | re.DOTALL,
)
_FILE = re.compile(r"\A# (?P<name>[\w./-]+\.\w+)\b[^\n]*\n")
_OPERATORS = {"|", "&&", ";", "||", "&"}


@dataclass(frozen=True)
class Command:
    """One command of a page. `mark` is empty for a command that is run."""

    page: str
    line: int
    text: str
    output: str
    mark: str

    @property
    def words(self) -> list[str]:
        reader = shlex.shlex(self.text, posix=True, punctuation_chars=True)
        reader.whitespace_split = True
        return list(reader)

    @property
    def programs(self) -> list[list[str]]:
        """The command's words, one list for each program of a pipe or a sequence."""
        found: list[list[str]] = [[]]
        for word in self.words:
            if word in _OPERATORS:
                found.append([])
            else:
                found[-1].append(word)
        return found

    @property
    def is_run(self) -> bool:
        """Whether a test runs the command in every CI run."""
        return not self.mark or self.mark.startswith(("run by ", "exit code "))


def pages() -> list[Path]:
    """Every Markdown page that users read, without the changelog."""
    single = ("README.md", "CONTRIBUTING.md", "SECURITY.md")
    folders = ("docs", "components", "pipelines", "trainer", "examples")
    return [ROOT / name for name in single] + sorted(page for name in folders for page in (ROOT / name).rglob("*.md"))


def commands_of(page: Path) -> list[Command]:
    """The commands of a page in its order."""
    text = page.read_text(encoding="utf-8")
    return [command for block in _BLOCK.finditer(text) for command in _commands(page, text, block)]


def exit_code_of(command: Command) -> int:
    """The exit code that the page tells."""
    return int(command.mark.removeprefix("exit code ")) if command.mark.startswith("exit code ") else 0


def documented(page: str, start: str) -> list[str]:
    """The words of the page's only command that begins so. A test that runs it itself gets it from here."""
    (found,) = (command for command in commands_of(ROOT / page) if command.text.startswith(start))
    return found.words


def with_options(words: list[str], *options: str) -> list[str]:
    """The command with further options before the app's own command."""
    at = words.index("--") if "--" in words else len(words)
    return [*words[:at], *options, *words[at:]]


def inline_commands(page: Path) -> list[list[str]]:
    """The words of each `hydra-vertex …` and `hydra-trial …` within a sentence."""
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    spans = re.findall(r"(?<!`)`(hydra-(?:vertex|trial) [^`]+)`(?!`)", text)
    return [span.split() for span in spans]


def inline_options(page: Path) -> set[str]:
    """Every `--option` within a sentence, of whatever program."""
    spans = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", _BLOCK.sub("", page.read_text(encoding="utf-8")))
    return {option for span in spans for option in re.findall(r"(?:^|[\s\[(])(--[a-z][a-z0-9_-]*)", span)}


def all_commands() -> list[Command]:
    return [command for page in pages() for command in commands_of(page)]


def _commands(page: Path, text: str, block: re.Match[str]) -> Iterator[Command]:
    if block["kind"].strip() != "console":
        return
    name = str(page.relative_to(ROOT))
    lines = block["body"].splitlines()
    first = text[: block.start("body")].count("\n") + 1
    starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
    marks = [mark.strip() for mark in (block["mark"] or "").split(";")]
    if len(marks) not in {1, len(starts)}:
        raise ValueError(f"{name}:{first}: {len(marks)} marks for {len(starts)} commands")
    for at, number in enumerate(starts):
        text, after = _joined(lines, number)
        printed = list(takewhile(lambda each: not each.startswith("$ "), lines[after:]))
        yield Command(name, first + number, text, "".join(f"{each}\n" for each in printed), marks[at % len(marks)])


def _joined(lines: list[str], number: int) -> tuple[str, int]:
    """The command that begins on a line, and the line after it. A backslash or an open quote continues it."""
    text = lines[number].removeprefix("$ ")
    while (continued := text.endswith("\\")) or _is_open(text):
        number += 1
        text = (text[:-1] if continued else text + "\n") + lines[number]
    return text, number + 1


def _is_open(text: str) -> bool:
    try:
        shlex.split(text, comments=True)
    except ValueError:
        return True
    return False


def files_of(page: Path) -> dict[str, str]:
    """The files that a page gives in full: blocks whose first line is `# path/name.suffix`."""
    found = {}
    for block in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        if block["kind"].strip() in {"python", "yaml", "sh"} and (name := _FILE.match(block["body"])):
            found[name["name"]] = block["body"]
    return found


def folder_of(page: Path) -> str:
    """The folder of the repository in whose copy the page's commands begin: `<!-- folder: NAME -->`; empty for none."""
    named = re.search(r"^<!-- folder: (\S+) -->$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return named[1] if named else ""


def lines_outside_console(page: Path) -> list[str]:
    """Lines of other blocks, fenced or indented, that look like commands."""
    text = page.read_text(encoding="utf-8")
    blocks = [block for block in _BLOCK.finditer(text) if block["kind"].strip() in {"", "bash", "sh", "shell"}]
    other = [block["body"] for block in blocks if not _FILE.match(block["body"])]
    without = _BLOCK.sub("", text)
    indented = [line for line in without.splitlines() if line.startswith("    ")]
    start = re.compile(rf"^\s*(?:\$ )?(?:{'|'.join(PROGRAMS)}) ")
    return [line for line in (*"\n".join(other).splitlines(), *indented) if start.match(line)]
