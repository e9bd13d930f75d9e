"""Any text is unchanged by quoting, Hydra's override grammar and a whole composition."""

from __future__ import annotations

import os

import omegaconf
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from hydra_vertex.trial.config.composition import AppConfig
from hydra_vertex.trial.config.quoting import quote
from hydra_vertex.trial.overrides.arguments import parse_arguments
from hydra_vertex.trial.overrides.delivery import deliver

settings.register_profile("suite", max_examples=2_000, deadline=None)
settings.register_profile("nightly", max_examples=100_000, deadline=None)
_MANY = settings.get_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))
"""`make fuzz` uses the nightly profile."""

_PARSER = OverridesParser.create()
_HARD = st.text(st.sampled_from("\\'\"${}:,=[]() abc?0.\n\t#~@é"), max_size=14)
TEXTS = (
    _HARD.filter(lambda text: text != "???")
    | st.text(max_size=14)
    | st.sampled_from(["true", "null", "NaN", "inf", "1", "1e3", "${x}", ""])
)


@given(TEXTS)
@_MANY
@example("\\${x}")
@example("a\\'")
@example("\\")
def test_hydra_parses_a_quoted_text_as_exactly_that_string(text: str) -> None:
    override = _PARSER.parse_override(f"key={quote(text)}")
    value = override.value()
    assert isinstance(value, str)
    # A stored value is still escaped against interpolation; the value that the app reads is not.
    assert OmegaConf.create({"key": value})["key"] == text
    assert not override.is_sweep_override()


@given(st.lists(TEXTS, min_size=100, max_size=100))
@settings(max_examples=20, deadline=None)
def test_the_composed_config_contains_the_text_verbatim(texts: list[str]) -> None:
    """2,000 texts in groups of 100."""
    keys = {f"k{number}": text for number, text in enumerate(texts)}
    assert _composed(keys) == keys


@given(st.lists(TEXTS, min_size=20, max_size=20))
@settings(max_examples=10, deadline=None)
def test_a_delivered_override_composes_to_the_text_verbatim(texts: list[str]) -> None:
    keys = {f"k{number}": text for number, text in enumerate(texts)}
    _store(keys)
    with initialize_config_dir("/", version_base=None):
        app = AppConfig(GlobalHydra.instance().config_loader(), "quoting")
        delivery = deliver(app, parse_arguments([f"--{key}={text}" for key, text in keys.items()]))
        config = app.compose(delivery.overrides)
    assert {key: config[key] for key in keys} == keys


@pytest.mark.skipif(omegaconf.__version__ >= "2.4", reason="OmegaConf 2.4 lets no interpolation resolve to ???")
def test_the_text_of_three_question_marks_is_quoted_as_a_string() -> None:
    assert _composed({"k": "???"}) == {"k": "???"}


def _composed(texts: dict[str, str]) -> dict[str, object]:
    _store(texts)
    with initialize_config_dir("/", version_base=None):
        config = compose("quoting", [f"{key}={quote(text)}" for key, text in texts.items()])
    return {str(key): value for key, value in config.items()}


def _store(keys: dict[str, str]) -> None:
    store = ConfigStore.instance()
    store.repo.pop("quoting.yaml", None)
    store.store("quoting", dict.fromkeys(keys, "before"))


@pytest.mark.parametrize("text", ["adam", "a/b.c-d", "_x"])
def test_a_plain_word_is_not_quoted(text: str) -> None:
    assert quote(text) == text
