"""The ends of all logs as one text of the page: masked, harmless, and of a limited size."""

from __future__ import annotations

import random
import string

import pytest

from hydra_vertex.launcher.logs import StudyLogs
from hydra_vertex.launcher.report.packed_logs import LEVELS, MOST_PACKED, packed_logs
from hydra_vertex.launcher.secrets.masker import masker
from launcher.report.page_logs import unpacked

HIDDEN = "hunter2hunter2"
LETTERS = string.ascii_letters + "?!"
MASK = masker([HIDDEN])


def logs_of(trials: int, line_characters: int, lines: int = 80) -> StudyLogs:
    """Return logs that cannot be packed to much less."""
    draw = random.Random(trials)  # noqa: S311 - a log, not a secret
    ends = {
        str(trial): "\n".join("".join(draw.choices(LETTERS, k=line_characters)) for _ in range(lines))
        for trial in range(1, trials + 1)
    }
    return StudyLogs(ends, "They are elsewhere.")


def order(logs: StudyLogs) -> list[str]:
    return sorted(logs.ends, key=int, reverse=True)


def test_a_log_of_a_few_trials_has_its_last_lines_and_the_page_says_so() -> None:
    logs = logs_of(2, 20)
    found = packed_logs(logs, ["2", "1", "3"], MASK)

    document = unpacked(found.packed)
    assert document["ends"] == {trial: "\n".join(text.split("\n")[-40:]) for trial, text in logs.ends.items()}
    assert document["leftOut"] == []
    assert found.note == "Of each log the page has at most the last 40 lines, and 4,000 characters. They are elsewhere."


@pytest.mark.parametrize(("trials", "most"), [(100, 40_000), (300, 120_000), (1000, MOST_PACKED)])
def test_logs_become_shorter_until_all_fit(trials: int, most: int) -> None:
    found = packed_logs(logs := logs_of(trials, 40), order(logs), MASK)

    document = unpacked(found.packed)
    assert len(found.packed) <= most
    assert len(document["ends"]) + len(document["leftOut"]) == trials
    lines = {len(text.split("\n")) for text in document["ends"].values()}
    assert lines <= {lines for lines, _ in LEVELS}
    assert f"at most the last {lines.pop()} lines" in found.note


def test_the_logs_of_the_trials_at_the_end_of_the_order_are_left_out_at_last() -> None:
    logs = logs_of(100, 249)
    document = unpacked((found := packed_logs(logs, order(logs), MASK)).packed)

    kept = len(document["ends"])
    assert 0 < kept < 100
    assert [*document["ends"], *document["leftOut"]] == order(logs)
    assert f"The logs of {100 - kept} trials are left out, so that the page stays small" in found.note
    assert len(found.packed) > 30_000


def test_without_logs_the_page_has_the_sentence_alone() -> None:
    found = packed_logs(StudyLogs(note=f"They need {HIDDEN}.\u202e"), ["1"], MASK)

    assert (found.packed, found.note) == ("", "They need ***.\\u202e")


@pytest.mark.parametrize(
    ("log", "shown"),
    [
        (f"the key is {HIDDEN}", "the key is ***"),
        ("password=letmein", "password=***"),
        ("a\tb", "a   b"),
        ("\x1b[31mred \x9b1m \u202eevil", "\\x1b[31mred \\x9b1m \\u202eevil"),
        ("</script><b>&", "</script><b>&"),
        ("", ""),
    ],
)
def test_a_log_has_no_secret_and_no_control_character(log: str, shown: str) -> None:
    assert unpacked(packed_logs(StudyLogs({"1": log}), ["1"], MASK).packed)["ends"] == {"1": shown}


@pytest.mark.parametrize("before", range(3990, 4011))
def test_a_secret_is_masked_wherever_the_log_is_cut(before: int) -> None:
    log = "x" * 3000 + " " + HIDDEN + " " + "y" * (before - len(HIDDEN))
    (text,) = unpacked(packed_logs(StudyLogs({"1": log}), ["1"], MASK).packed)["ends"].values()

    assert len(text) <= 4000
    assert "hunter" not in text
    assert "ter2" not in text
