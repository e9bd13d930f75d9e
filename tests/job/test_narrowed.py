from __future__ import annotations

import pytest

from hydra_vertex.job.narrowed import NARROWED_LABEL, narrowed_labels, narrowed_text


def test_the_label_says_how_many_parameters_were_narrowed_to_what() -> None:
    assert narrowed_text(narrowed_labels(1, 12, 2)).startswith(
        "The search space was narrowed in 1 parameter to the best 12 trials of 2 earlier studies (--narrow): "
    )


@pytest.mark.parametrize(
    "text", ["", "3", "3-parameters", "x-parameters_3-trials_1-sources", "٣-parameters_3-trials_1-sources"]
)
def test_a_label_of_another_form_says_nothing(text: str) -> None:
    assert narrowed_text({NARROWED_LABEL: text}) == ""


def test_a_job_without_the_label_says_nothing() -> None:
    assert narrowed_text({}) == ""
