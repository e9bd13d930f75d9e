"""References `$(NAME)` in a container's environment."""

from __future__ import annotations

import pytest

from hydra_vertex.job.env_references import expanded

SERVICE = {"AIP_MODEL_DIR": "/out/1/model/"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$(A)/x", "a/x"),
        ("$(AIP_MODEL_DIR)best.pt", "/out/1/model/best.pt"),
        ("$(A)$(A)", "aa"),
        ("$(LATER) $(B) $(HOME)", "$(LATER) $(B) $(HOME)"),
        ("$$(A) $(A)", "$(A) a"),
        ("$A ${A} $( A) $(A", "$A ${A} $( A) $(A"),
        ("pa$$word", "pa$$word"),
        ("$(C)", "$(A)"),
    ],
)
def test_only_references_to_earlier_variables_and_to_the_services_own_are_replaced(text: str, value: str) -> None:
    assert expanded({"A": "a", "C": "$$(A)", "B": text, "LATER": "l"}, SERVICE)["B"] == value
