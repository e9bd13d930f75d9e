"""Any text goes through Hydra's override grammar and a whole compose unchanged."""

from __future__ import annotations

import omegaconf
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hydra_vertex.trial.quoting import quote

_PARSER = OverridesParser.create()
_HARD = st.text(st.sampled_from("\\'\"${}:,=[]() abc?0.\n\t#~@é"), max_size=14)
TEXTS = (
    _HARD.filter(lambda text: text != "???")
    | st.text(max_size=14)
    | st.sampled_from(["true", "null", "NaN", "inf", "1", "1e3", "${x}", ""])
)


@given(TEXTS)
@settings(max_examples=400, deadline=None)
@example("\\${x}")
@example("a\\'")
@example("\\")
def test_hydra_reads_a_quoted_text_as_a_string_and_nothing_else(text: str) -> None:
    override = _PARSER.parse_override(f"key={quote(text)}")
    assert isinstance(override.value(), str)
    assert not override.is_sweep_override()


@given(st.lists(TEXTS, min_size=12, max_size=12))
@settings(max_examples=12, deadline=None)
def test_the_composed_config_holds_the_text_verbatim(texts: list[str]) -> None:
    keys = {f"k{number}": text for number, text in enumerate(texts)}
    assert _composed(keys) == keys


@pytest.mark.skipif(omegaconf.__version__ >= "2.4", reason="OmegaConf 2.4 lets no interpolation resolve to ???")
def test_the_text_that_means_missing_is_a_text_too() -> None:
    assert _composed({"k": "???"}) == {"k": "???"}


def _composed(texts: dict[str, str]) -> dict[str, object]:
    store = ConfigStore.instance()
    store.repo.pop("quoting.yaml", None)
    store.store("quoting", dict.fromkeys(texts, "before"))
    with initialize_config_dir("/", version_base=None):
        config = compose("quoting", [f"{key}={quote(text)}" for key, text in texts.items()])
    return {str(key): value for key, value in config.items()}


@pytest.mark.parametrize("text", ["adam", "a/b.c-d", "_x"])
def test_a_plain_word_stays_readable(text: str) -> None:
    assert quote(text) == text
