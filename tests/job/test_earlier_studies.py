from __future__ import annotations

from pathlib import Path

import pytest

from hydra_vertex.job import Measurement, TrialState
from hydra_vertex.job.earlier_studies import (
    EARLIER_STUDIES_LABEL,
    digest_in_name,
    earlier_studies_digest,
    earlier_studies_file,
    earlier_studies_labels,
    earlier_studies_text,
    parse_earlier_studies,
    sources_in,
)
from hydra_vertex.protocol.errors import DocumentError
from launcher.jobs import METRIC, make_job, make_trial

JOB = make_job(
    [make_trial(1, 0.5, measurements=(Measurement({METRIC: 0.7}, 1),)), make_trial(2, None, TrialState.INFEASIBLE)]
)


def test_the_file_has_outcomes_and_no_commands_or_curves() -> None:
    text, digest = earlier_studies_text([JOB], ["runs/a"])

    (job,) = parse_earlier_studies(text, digest)

    assert [(t.state, t.parameters, t.objective(METRIC)) for t in job.trials] == [
        (t.state, t.parameters, t.objective(METRIC)) for t in JOB.trials
    ]
    assert job.study_spec == JOB.study_spec
    assert "train.py" not in text
    assert "0.7" not in text
    assert sources_in(text) == ("runs/a",)


def test_the_label_of_a_job_names_the_file() -> None:
    _, digest = earlier_studies_text([JOB], [])
    labels = earlier_studies_labels(digest)

    assert earlier_studies_digest(labels) == digest
    assert digest_in_name(earlier_studies_file(Path("folder"), digest)) == digest
    assert len(labels[EARLIER_STUDIES_LABEL]) <= 63


def test_other_trials_give_another_label() -> None:
    digests = {earlier_studies_text([make_job([make_trial(1, value)])], [])[1] for value in (0.1, 0.2)}

    assert len(digests) == 2


def test_a_changed_file_is_refused() -> None:
    text, digest = earlier_studies_text([JOB], [])

    with pytest.raises(DocumentError, match="has changed since the job was created"):
        parse_earlier_studies(text.replace("0.5", "0.4"), digest)


@pytest.mark.parametrize("text", ["../../etc/passwd", "x" * 40, "a" * 39])
def test_a_label_that_is_no_digest_is_refused(text: str) -> None:
    with pytest.raises(DocumentError, match="is not the digest"):
        earlier_studies_digest({EARLIER_STUDIES_LABEL: text})


def test_without_the_label_there_are_no_earlier_studies() -> None:
    assert earlier_studies_digest({}) == ""
    assert earlier_studies_labels("") == {}
