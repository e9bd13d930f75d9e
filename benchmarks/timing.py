"""Measure the wall-clock time of commands, repeated and run in turn with their baselines; print tables."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """The seconds of each counted run of a command."""

    seconds: tuple[float, ...]

    @property
    def median_s(self) -> float:
        return statistics.median(self.seconds)


def time_in_turn(
    commands: Mapping[str, Sequence[str]], runs: int, env: Mapping[str, str] | None = None, cwd: str | None = None
) -> dict[str, Timing]:
    """Run the commands in turn, A B A B …, so that a drift of the machine affects all equally.

    The first round is not counted. Raises CalledProcessError if a command fails.
    """
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for counted in [False] + [True] * runs:
        for name, command in commands.items():
            start = time.perf_counter()
            subprocess.run(
                list(command),
                env={**os.environ, **(env or {})},
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=True,
            )
            if counted:
                seconds[name].append(time.perf_counter() - start)
    return {name: Timing(tuple(values)) for name, values in seconds.items()}


def paired_ratio(first: Timing, second: Timing) -> float:
    """Return the median of the ratios of the runs in the same round."""
    return statistics.median(a / b for a, b in zip(first.seconds, second.seconds, strict=True))


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a Markdown table."""
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")
