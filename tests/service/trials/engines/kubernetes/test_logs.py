"""Logs that are read by several requests."""

from __future__ import annotations

from pathlib import Path

import pytest

from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.service.folder import TrialFolder
from hydra_vertex.service.trials.engines.kubernetes import logs
from service.trials.engines.kubernetes.fake_api import fake_api

ENDED: JsonObject = {"startedAt": "2026-11-26T12:00:00Z", "finishedAt": "2026-11-26T12:01:00Z", "exitCode": 0}
POD: JsonObject = {
    "metadata": {"name": "p-1"},
    "spec": {"containers": [{"name": "trial"}]},
    "status": {"phase": "Succeeded", "containerStatuses": [{"name": "trial", "state": {"terminated": ENDED}}]},
}


@pytest.mark.parametrize("lines_per_s", [7, 10_000])
def test_a_log_longer_than_one_answer_arrives_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines_per_s: int
) -> None:
    monkeypatch.setattr(logs, "LOG_BYTES", 1000)
    texts = [f"line {i}" for i in range(200)]
    folder = TrialFolder(tmp_path / "trial")
    with fake_api() as api:
        api.log = "".join(
            f"2026-11-26T12:00:{i // lines_per_s:02}.{i % lines_per_s:09}Z {text}\n" for i, text in enumerate(texts)
        ).encode()
        logs.Logs(api.cluster(tmp_path)).fetch(folder, "hv-1", POD)
    assert folder.log.read_text().splitlines() == texts
