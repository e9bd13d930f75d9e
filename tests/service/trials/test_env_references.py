"""What `$(NAME)` in a container's environment stands for."""

from __future__ import annotations

import pytest

from hydra_vertex.service.trials.env_references import expanded

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
def test_a_reference_is_to_a_variable_before_it_or_to_one_of_the_service(text: str, value: str) -> None:
    assert expanded({"A": "a", "C": "$$(A)", "B": text, "LATER": "l"}, SERVICE)["B"] == value
