"""The summary of a study as Markdown."""

from __future__ import annotations

import dataclasses
import re

import pytest

from hydra_vertex.job import HyperparameterTuningJob
from hydra_vertex.launcher.report.markdown import summary_markdown
from hydra_vertex.launcher.secrets.masker import NO_SECRETS, masker
from launcher.jobs import make_job, make_trial


def written(job: HyperparameterTuningJob, **options: str) -> str:
    return summary_markdown(job, job.trials[0], mask=NO_SECRETS, **options)  # type: ignore[arg-type]  # only `reproduce`


def tables(text: str) -> list[list[str]]:
    """Return the rows of each table."""
    blocks = (block.splitlines() for block in text.split("\n\n"))
    return [block for block in blocks if block[0].startswith("|")]


def test_it_has_the_best_trial_its_parameters_and_the_ten_best() -> None:
    job = make_job([make_trial(number, number / 10) for number in range(1, 15)])
    text = written(job, reproduce="python train.py experiment=best")
    assert text.startswith("# train\\-docs\n\nBest trial: **1**, val/loss = **0.1**\n\n14 of at most 12 trials")
    parameters, best = tables(text)
    assert parameters[2:] == [
        "| optimizer\\.lr | 0\\.003 |",
        "| model\\.depth | 4 |",
        "| model\\.activation | gelu |",
    ]
    assert [row.split(" | ")[0] for row in best[2:]] == [f"| {number}" for number in range(1, 11)]
    assert "```\npython train.py experiment=best\n```" in text


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "a | b", "[x](http://e)", "**b**", "a\nb\r\n# c", "`x`", "\x1b[31m"]
)
def test_no_text_of_a_job_becomes_markup(text: str) -> None:
    trial = make_trial(1, 0.5, parameters={"optimizer.lr": 0.1, "model.depth": 2.0, "model.activation": text})
    job = dataclasses.replace(make_job([trial]), display_name=text)
    shown = written(job)
    columns = {len(re.findall(r"(?<!\\)\|", row)) for table in tables(shown)[1:] for row in table}
    assert columns == {7}
    assert not re.search(r"(?<!\\)[<`\[]", shown)
    assert "\x1b" not in shown


def test_a_command_cannot_end_its_block_of_code() -> None:
    assert "````\npython '```' x\n````" in written(make_job([make_trial(1, 0.5)]), reproduce="python '```' x")


def test_secrets_are_masked() -> None:
    trial = make_trial(1, 0.5, parameters={"model.activation": "hunter2hunter2"})
    job = make_job([trial])
    text = summary_markdown(job, trial, mask=masker(["hunter2hunter2"]), notes=("with hunter2hunter2",))
    assert "hunter2" not in text
