"""The settings of a confirmation as the JSON of a pipeline parameter."""

from __future__ import annotations

import pytest

from hydra_vertex.launcher.confirm.settings import ConfirmSettings, dump_settings, load_settings
from hydra_vertex.protocol.errors import DocumentError


@pytest.mark.parametrize("settings", [None, ConfirmSettings(3, 5, "seed"), ConfirmSettings(1, 2, "+trainer.seed", 0)])
def test_settings_are_read_as_they_were_written(settings: ConfirmSettings | None) -> None:
    assert load_settings(dump_settings(settings)) == settings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "expected"),
        ('{"configurations": 0, "repeats": 2, "seedKey": "seed"}', "0 configurations: expected 1 or more"),
        ('{"configurations": 2, "repeats": 1, "seedKey": "seed"}', "1 repeats: expected 2 or more"),
        ('{"configurations": 2, "repeats": 2}', "seed key '': expected a key"),
        ('{"configurations": 2, "repeats": 2, "seedKey": "seed=3"}', "seed key 'seed=3': expected a key"),
        ('{"configurations": 2, "repeats": 2, "seedKey": "study_trial"}', "seed key 'study_trial': expected a key"),
        (
            '{"configurations": 2, "repeats": 2, "seedKey": "s", "firstSeed": -1}',
            "seeds -1 to 0: expected seeds from 0",
        ),
        ('{"configurations": 2, "repeats": 2, "seedKey": "s", "firstSeed": 2147483647}', "expected seeds from 0"),
        ('{"configurations": 2, "repeats": 2, "seedKey": "s", "seeds": [1]}', "has unknown fields: seeds"),
    ],
)
def test_invalid_settings_are_refused_by_name(text: str, message: str) -> None:
    with pytest.raises(DocumentError, match="confirm") as caught:
        load_settings(text)
    assert message in str(caught.value)
