"""Types of options for argparse: what each takes, and a message that says so."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path

from hydra_vertex.launcher.arguments import argument_problem
from hydra_vertex.launcher.limits import DISPLAY_NAME_LIMIT, LONGEST_S, MAX_COUNT, SHORTEST_S
from hydra_vertex.launcher.text.terminal import excerpt, is_name


def whole_number(low: int, high: int = MAX_COUNT) -> Callable[[str], int]:
    """A whole number from `low` to `high`, both inclusive."""

    def parse(text: str) -> int:
        digits = re.fullmatch(r"[+-]?\d{1,20}", text.strip(), re.ASCII)
        if digits is None or not low <= int(digits[0]) <= high:
            raise argparse.ArgumentTypeError(f"{excerpt(repr(text))}: expected a whole number from {low} to {high}")
        return int(digits[0])

    return parse


def seconds(text: str) -> float:
    """A duration that the API can hold."""
    try:
        duration_s = float(text)
    except ValueError:
        duration_s = -1.0
    if not SHORTEST_S <= duration_s <= LONGEST_S:
        raise argparse.ArgumentTypeError(
            f"{excerpt(repr(text))}: expected a number of seconds above 0, {LONGEST_S} at most"
        )
    return duration_s


def word(text: str) -> str:
    """A name without white space, such as a metric's or a project's."""
    if not is_name(text):
        raise argparse.ArgumentTypeError(
            f"{excerpt(repr(text))}: expected a name without spaces and control characters"
        )
    return text


def display_name(text: str) -> str:
    """A name for people, spaces and all."""
    if not text.strip() or not text.isprintable() or len(text) > DISPLAY_NAME_LIMIT:
        raise argparse.ArgumentTypeError(
            f"{excerpt(repr(text))}: expected 1 to {DISPLAY_NAME_LIMIT} characters, none of them a control character"
        )
    return text


def override(text: str) -> str:
    """A Hydra override: data that a command line can hold."""
    problem = argument_problem(text) if text else "is no override; expected one such as trainer.max_steps=2000"
    if problem:
        raise argparse.ArgumentTypeError(f"{excerpt(repr(text))} {problem}")
    return text


def file_path(text: str) -> Path:
    """A file or a folder. An empty name would be the working directory."""
    if not text:
        raise argparse.ArgumentTypeError("the name is empty; expected a file or a folder")
    if problem := argument_problem(text):
        raise argparse.ArgumentTypeError(f"{excerpt(repr(text))} {problem}")
    return Path(text)
