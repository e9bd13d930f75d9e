"""Types of command line options for argparse. Each raises ArgumentTypeError that names the allowed values."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable
from pathlib import Path

from hydra_vertex.launcher.arguments import argument_problem
from hydra_vertex.launcher.cost.durations import parse_duration_text
from hydra_vertex.launcher.limits import DISPLAY_NAME_LIMIT, LONGEST_S, MAX_COUNT, SHORTEST_S
from hydra_vertex.launcher.text.terminal import excerpt, is_name


def whole_number(low: int, high: int = MAX_COUNT) -> Callable[[str], int]:
    """Return a type for whole numbers from `low` to `high`, both inclusive."""

    def parse(text: str) -> int:
        digits = re.fullmatch(r"[+-]?\d{1,20}", text.strip(), re.ASCII)
        if digits is None or not low <= int(digits[0]) <= high:
            raise argparse.ArgumentTypeError(f"{excerpt(repr(text))}: expected a whole number from {low} to {high}")
        return int(digits[0])

    return parse


def seconds(text: str) -> float:
    """Parse a duration such as `90` or `1h30m` within the limits of the API. Raises ArgumentTypeError."""
    duration_s = _seconds_in(text)
    if duration_s is None or not SHORTEST_S <= duration_s <= LONGEST_S:
        raise argparse.ArgumentTypeError(
            f"{excerpt(repr(text))}: expected a number of seconds above 0 and at most {LONGEST_S}, or one with units "
            "such as 30m or 1h30m"
        )
    return duration_s


def _seconds_in(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return parse_duration_text(text)
    except ValueError:
        return None


def finite_number(text: str) -> float:
    """Parse a finite number. Raises ArgumentTypeError."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{excerpt(repr(text))}: expected a number such as 0.9")
    return number


def word(text: str) -> str:
    """Parse a name without white space, such as that of a metric. Raises ArgumentTypeError."""
    if not is_name(text):
        raise argparse.ArgumentTypeError(
            f"{excerpt(repr(text))}: expected a name without spaces and control characters"
        )
    return text


def display_name(text: str) -> str:
    """Parse a display name, which may have spaces. Raises ArgumentTypeError."""
    if not text.strip() or not text.isprintable() or len(text) > DISPLAY_NAME_LIMIT:
        raise argparse.ArgumentTypeError(
            f"{excerpt(repr(text))}: expected 1 to {DISPLAY_NAME_LIMIT} characters, none of them a control character"
        )
    return text


def override(text: str) -> str:
    """Check that a command line can hold a Hydra override. Raises ArgumentTypeError."""
    problem = argument_problem(text) if text else "is not an override; expected one such as trainer.max_steps=2000"
    if problem:
        raise argparse.ArgumentTypeError(f"{excerpt(repr(text))} {problem}")
    return text


def alias(text: str) -> str:
    """Parse `ID=KEY`: the name of a parameter, and the key that it sets. Raises ArgumentTypeError."""
    name, _, key = text.partition("=")
    if not is_name(name) or not is_name(key):
        raise argparse.ArgumentTypeError(f"{excerpt(repr(text))}: expected ID=KEY, such as lr=optimizer.lr")
    return text


def key_type(text: str) -> tuple[str, str]:
    """Parse `KEY=TYPE`: a key and the type of an artifact. Raises ArgumentTypeError."""
    key, _, type_ = text.rpartition("=")
    if not is_name(key) or not is_name(type_):
        raise argparse.ArgumentTypeError(f"{excerpt(repr(text))}: expected KEY=TYPE, such as data.path=Dataset")
    return key, type_


def endpoint(text: str) -> str:
    """Parse the URL of a tuning service, without a path. Raises ArgumentTypeError."""
    found = re.fullmatch(r"(https?://[^/\s?#@]+)/?", text)
    if found is None:
        raise argparse.ArgumentTypeError(
            f"{excerpt(repr(text))}: expected a URL without a path, such as http://127.0.0.1:8080"
        )
    return found[1]


def resource(text: str) -> str:
    """Check that a text can name a job or a file. Raises ArgumentTypeError."""
    problem = argument_problem(text) if text.strip() else "is empty; expected the name of a job, or a file"
    if problem:
        raise argparse.ArgumentTypeError(f"{excerpt(repr(text))} {problem}")
    return text


def file_path(text: str) -> Path:
    """Parse the path of a file or folder. Raises ArgumentTypeError.

    An empty path is refused because it would be the working directory.
    """
    if not text:
        raise argparse.ArgumentTypeError("the name is empty; expected a file or a folder")
    if problem := argument_problem(text):
        raise argparse.ArgumentTypeError(f"{excerpt(repr(text))} {problem}")
    return Path(text)


def optuna_study(text: str) -> str:
    """Check that a text can be the name of an Optuna study. Raises ArgumentTypeError."""
    if not text.strip() or not text.isprintable():
        raise argparse.ArgumentTypeError(f"{excerpt(repr(text))}: expected a name without control characters")
    return text
