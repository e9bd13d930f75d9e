"""The seed with which a study runs is not one of the seeds of the repeats."""

from __future__ import annotations

import pytest

from hydra_vertex.launcher.preflight.seed_key import own_seed_findings
from hydra_vertex.protocol.explanation import Composition
from hydra_vertex.protocol.json import JsonObject

CONFIG: JsonObject = {
    "seed": 1003,
    "trainer": {"seed": "${seed}"},
    "none": None,
    "text": "1003",
    "yes": True,
    "own": "${my:1}",
}


@pytest.mark.parametrize(
    ("key", "seeds", "is_found"),
    [
        ("seed", range(1000, 1005), True),
        ("++seed", range(1000, 1005), True),
        ("trainer.seed", range(1000, 1005), True),
        ("seed", range(1004, 1009), False),
        ("none", range(1000, 1005), False),
        ("text", range(1000, 1005), False),
        ("yes", range(2), False),
        ("own", range(1000, 1005), False),
        ("+new", range(1000, 1005), False),
    ],
)
def test_a_seed_of_the_study_is_found_also_through_an_interpolation(key: str, seeds: range, is_found: bool) -> None:
    findings = list(own_seed_findings(key, seeds, Composition(config=CONFIG, choices={})))

    assert bool(findings) == is_found
    assert all("= 1003, which is one of the seeds 1000 to 1004" in finding.problem for finding in findings)
