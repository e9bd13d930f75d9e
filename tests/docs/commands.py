"""The commands of the documentation: every line of a `console` block that begins with `$ `.

A comment before a block, `<!-- commands: REASON -->`, says why the tests do not run its commands; `REASONS` has the
allowed ones. `<!-- commands: run by FILE -->` names the test file that runs them. A block without a comment is run by
`test_commands_run.py`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from conftest import ROOT

REASONS = frozenset(
    {
        "needs Google Cloud",
        "needs a cluster",
        "needs Docker",
        "installs packages",
        "never ends",
        "shows a form",  # placeholders such as `…` stand for the reader's own words
        "takes minutes",
        "nightly",  # run when DOCUMENTED_COMMANDS=all, and parsed otherwise
    }
)
PROGRAMS = ("hydra-vertex", "hydra-trial", "make", "python", "pip", "gcloud", "docker", "kubectl", "cd", "export", "sed")
"""The programs whose lines are commands. Another block than `console` may not have such a line."""

_BLOCK = re.compile(
    r"(?:^<!-- commands: (?P<mark>[^\n]+?) -->\n)?^```(?P<kind>[^\n`]*)\n(?P<body>.*?)^```[ ]*$", re.MULTILINE | re.DOTALL
)
_FILE = re.compile(r"\A# (?P<name>[\w./-]+\.\w+)\b[^\n]*\n")
_OPERATORS = {"|", "&&", ";", "||", "&"}


@dataclass(frozen=True)
class Command:
    """One command of a page. `mark` is empty for a command that is run."""

    page: str
    line: int
    text: str
    mark: str

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text, comments=True)

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
        return not self.mark or self.mark.startswith("run by ")


def pages() -> list[Path]:
    """Every Markdown page that users read, without the changelog."""
    single = ("README.md", "CONTRIBUTING.md", "SECURITY.md")
    folders = ("docs", "components", "pipelines", "trainer", "examples")
    return [ROOT / name for name in single] + sorted(page for name in folders for page in (ROOT / name).rglob("*.md"))


def commands_of(page: Path) -> list[Command]:
    """The commands of a page in its order."""
    text = page.read_text(encoding="utf-8")
    return [command for block in _BLOCK.finditer(text) for command in _commands(page, text, block)]


def all_commands() -> list[Command]:
    return [command for page in pages() for command in commands_of(page)]


def _commands(page: Path, text: str, block: re.Match[str]) -> Iterator[Command]:
    if block["kind"].strip() != "console":
        return
    name = str(page.relative_to(ROOT))
    lines = block["body"].splitlines()
    first = text[: block.start("body")].count("\n") + 1
    for number, line in enumerate(lines):
        if line.startswith("$ "):
            yield Command(name, first + number, _joined(lines, number), block["mark"] or "")


def _joined(lines: list[str], number: int) -> str:
    """The command that begins on a line: a backslash at the end, or an open quote, goes on in the next line."""
    text = lines[number].removeprefix("$ ")
    while (continued := text.endswith("\\")) or _is_open(text):
        number += 1
        text = (text[:-1] if continued else text + "\n") + lines[number]
    return text


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
        if block["kind"].strip() in {"python", "yaml"} and (name := _FILE.match(block["body"])):
            found[name["name"]] = block["body"]
    return found


def lines_outside_console(page: Path) -> list[str]:
    """Lines of other blocks, fenced or indented, that look like commands."""
    text = page.read_text(encoding="utf-8")
    other = [block["body"] for block in _BLOCK.finditer(text) if block["kind"].strip() in {"", "bash", "sh", "shell"}]
    without = _BLOCK.sub("", text)
    indented = [line for line in without.splitlines() if line.startswith("    ")]
    start = re.compile(rf"^\s*(?:\$ )?(?:{'|'.join(PROGRAMS)}) ")
    return [line for line in (*"\n".join(other).splitlines(), *indented) if start.match(line)]
