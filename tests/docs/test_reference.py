"""docs/reference/ is what the source says today."""

from __future__ import annotations

import pytest

from conftest import ROOT
from docs import reference
from docs.parsing import shown_options_of, subparsers
from hydra_vertex.protocol import environment

PAGES = reference.pages()


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_is_up_to_date(name: str) -> None:
    committed = reference.FOLDER.joinpath(name).read_text(encoding="utf-8")

    assert committed == PAGES[name], "docs/reference is stale: run `make reference`"


def test_no_other_page_is_in_the_folder() -> None:
    assert {page.name for page in reference.FOLDER.iterdir()} == set(PAGES)


@pytest.mark.parametrize("command", sorted(subparsers()))
def test_every_option_of_a_command_is_on_the_page(command: str) -> None:
    section = PAGES["cli.md"].partition(f"## hydra-vertex {command}\n")[2].partition("\n## ")[0]

    missing = {name for name in shown_options_of(command) if f"`{name}`" not in section and f"`{name} " not in section}

    assert missing == set()


def test_every_variable_of_the_protocol_is_explained_beside_hydra_trial() -> None:
    text = (ROOT / "components/hydra_trainer/README.md").read_text(encoding="utf-8")

    explained = {environment.TRIAL_ID, environment.METRIC_FILE, environment.METRIC_TAG, environment.MODEL_DIR}
    assert {name for name in explained if f"`{name}`" not in text} == set()
