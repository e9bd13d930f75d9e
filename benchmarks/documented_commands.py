"""Count the commands of the documentation, and how each is tested: `python benchmarks/documented_commands.py`.

Every command is parsed by its program's own parser. In addition a test runs it, unless a mark of the page says why not.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from timing import print_table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from docs.commands import Command, all_commands, inline_commands, pages


def kind_of(command: Command) -> str:
    return "run" if command.is_run else command.mark


def within_sentences() -> list[list[str]]:
    return [words for page in pages() for words in inline_commands(page)]


def main() -> None:
    commands = all_commands()
    counts = Counter(kind_of(command) for command in commands)
    rows = [("run by a test", counts.pop("run"))]
    if nightly := counts.pop("nightly", 0):
        rows.append(("parsed; run every night", nightly))
    rows += [(f"parsed; {reason}", count) for reason, count in counts.most_common()]
    rows.append(("all commands", len(commands)))
    rows.append(("commands within sentences, their options compared with the parser", len(within_sentences())))
    print_table(["commands of the documentation", "number"], [(text, str(number)) for text, number in rows])


if __name__ == "__main__":
    main()
