from __future__ import annotations

from dataclasses import replace

import pytest

from hydra_vertex.launcher.study.client import connect
from hydra_vertex.protocol.errors import DocumentError
from launcher.jobs import make_job


def test_a_field_that_google_s_message_does_not_have_is_named_before_anything_is_sent() -> None:
    job = make_job()
    spec = replace(job.trial_job_spec, scheduling={"strategie": "SPOT"})

    with pytest.raises(DocumentError, match=r"cannot be sent to Vertex AI: .*strategie.*trialJobSpec\.scheduling"):
        connect("l", "http://127.0.0.1:9").create("projects/p/locations/l", replace(job, trial_job_spec=spec))
