"""Count the argument lists that reach a Hydra app correctly: `python benchmarks/argument_corpus.py [--show N]`.

Each list of `tests/trial/corpus` is passed to the same Hydra app in three ways. The config that the app prints is
compared, by value and by type, with the config that the list stands for. The three ways:

- a shell line before the app: it removes every `--`, and the shell splits the rest into words;
- a shell loop that handles each argument separately and removes only the leading `--`. Sweep runners that can omit the
  dashes do the same (W&B: `${args_no_hyphens}`);
- hydra-trial.

The two shell scripts run in bash if it is installed (its `echo`, unlike that of dash, does not interpret backslashes),
otherwise in /bin/sh. They find a program named `python` that writes its arguments to a file; the app itself is then run
with these arguments in one long-lived process, which saves its start-up time.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from timing import print_table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from trial.corpus import writable_cases
from trial.corpus.cases import Case
from trial.corpus.runner import App, Command, Verdict, judge, started_app, trial_command

SHELL = shutil.which("bash") or "/bin/sh"
SCRIPTS = {
    "`sed 's/--//g'`": """exec python train.py $(echo "$@" | sed 's/--//g')""",
    '`"${arg#--}"` for each': """
        for arg do
          shift
          set -- "$@" "${arg#--}"
        done
        exec python train.py "$@"
        """,
}
TRIAL = "hydra-trial"
RECORD_ARGUMENTS = """#!/bin/sh
[ $# -eq 0 ] || printf '%s\\0' "$@" > "$RECORDED"
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--show", type=int, default=0, metavar="N", help="list the first N wrong results of each way")
    show = parser.parse_args().show
    cases = writable_cases()
    with started_app() as app, tempfile.TemporaryDirectory(prefix="hydra-vertex-") as folder:
        ways = {
            way: [shell_command(app, Path(folder), script, case) for case in cases] for way, script in SCRIPTS.items()
        }
        ways[TRIAL] = [trial_command(case) for case in cases]
        verdicts = {way: judged(app, cases, commands) for way, commands in ways.items()}
    print(f"{len(cases)} argument lists; in each cell: {' / '.join(verdict.value for verdict in Verdict)}\n")
    print_table(["category", "lists", *verdicts], rows(cases, verdicts))
    for way, found in verdicts.items():
        show_wrong(way, cases, found, show)


def shell_command(app: App, folder: Path, script: str, case: Case) -> Command:
    """Return the command with which the shell script starts `python`."""
    python, recorded = folder / "bin" / "python", folder / "recorded"
    if not python.exists():
        python.parent.mkdir()
        python.write_text(RECORD_ARGUMENTS)
        python.chmod(0o755)
    environ = {**os.environ, "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}", "RECORDED": str(recorded)}
    subprocess.run([SHELL, "-c", script, "entrypoint", *case.arguments], cwd=app.folder, env=environ, check=True)
    return Command("python", tuple(recorded.read_text("utf-8").split("\0")[:-1]))


def judged(app: App, cases: Sequence[Case], commands: Sequence[Command]) -> list[Verdict]:
    finished = app.run(commands)
    return [judge(case, result, app.default) for case, result in zip(cases, finished, strict=True)]


def rows(cases: Sequence[Case], verdicts: Mapping[str, Sequence[Verdict]]) -> list[list[str]]:
    categories = list(dict.fromkeys(case.category for case in cases))
    table = [row(name, [case.category == name for case in cases], verdicts) for name in categories]
    return [*table, row("**all**", [True] * len(cases), verdicts)]


def row(name: str, belongs: Sequence[bool], verdicts: Mapping[str, Sequence[Verdict]]) -> list[str]:
    counts = []
    for found in verdicts.values():
        mine = [verdict for verdict, is_mine in zip(found, belongs, strict=True) if is_mine]
        counts.append(" / ".join(str(mine.count(verdict)) for verdict in Verdict))
    return [name, str(sum(belongs)), *counts]


def show_wrong(way: str, cases: Sequence[Case], found: Sequence[Verdict], limit: int) -> None:
    wrong = [(case, verdict) for case, verdict in zip(cases, found, strict=True) if verdict is not Verdict.RIGHT]
    if limit and wrong:
        print(f"\n{way}:")
    for case, verdict in wrong[:limit]:
        print(f"  {verdict.value:20} {case}")


if __name__ == "__main__":
    main()
