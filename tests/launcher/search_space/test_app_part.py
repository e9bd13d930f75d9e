"""What a sweeper file says of the app, compared with what plain Hydra composes from the same file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from hydra_vertex.launcher.search_space import SearchSpace, load_search_space
from hydra_vertex.protocol.errors import SearchSpaceError

SWEEPER = {"sweeper": {"direction": "minimize", "params": {"lr": "interval(0, 1)"}}}
CONFIG = """
defaults:
  - model: small
  - _self_
  - hparams_search: null
lr: 0.1
seed: 1
optimizer: {name: adam, betas: [0.9, 0.99]}
"""
OPTIONS = {
    "hydra/sweeper/study.yaml": "{}\n",
    "model/small.yaml": "depth: 1\n",
    "model/large.yaml": "depth: 8\n",
    "data/text.yaml": "path: a.txt\n",
    "callbacks/early.yaml": "early: {patience: 3}\n",
    "callbacks/save.yaml": "save: {top: 1}\n",
}


def make_app(folder: Path, search: str) -> Path:
    """Create an app's configs with a search file among them. Returns the path of the search file."""
    for name, text in {"config.yaml": CONFIG, **OPTIONS, "hparams_search/search.yaml": search}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "hparams_search" / "search.yaml"


def composed(folder: Path, *overrides: str) -> Any:
    """Return what the app's `hydra.main` gets, and what Hydra itself is told."""
    with initialize_config_dir(config_dir=str(folder), version_base="1.3"):
        config = compose("config", list(overrides), return_hydra_config=True)
    everything: Any = OmegaConf.to_container(config, resolve=False)
    hydra = everything.pop("hydra")
    return (
        everything,
        {name: hydra[name] for name in ("job_logging", "verbose", "output_subdir")},
        hydra["job"].get("chdir"),
    )


def search_file(*, defaults: Any = (), hydra: Mapping[str, Any] | None = None, **content: Any) -> str:
    """Return a sweeper file. Hydra's own sweeper has no `direction`, so that the app has one without keys."""
    own = {"override /hydra/sweeper": "study"}
    document = {
        "defaults": [*defaults, own] if isinstance(defaults, (list, tuple)) else defaults,
        **content,
        "hydra": {**SWEEPER, **(hydra or {})},
    }
    return "# @package _global_\n" + yaml.safe_dump(document, sort_keys=False)


@pytest.mark.parametrize(
    "content",
    [
        {"optimized_metric": "val/loss", "seed": 7},
        {"optimizer": {"name": "sgd", "momentum": 0.9, "betas": [0.5, "0.5"]}},
        {"seed": None, "tags": ["a", "it's", ""], "new": {"deep": {"key": {}}, "empty": []}},
        {"text": "${seed}", "mixed": "run_${seed}_${oc.env:HOME}", "literal": "\\${seed}", "missing": "???"},
        {"defaults": ["_self_", {"override /model": "large"}]},
        {"defaults": [{"/data": None}]},
        {"defaults": [{"override /hydra/job_logging": "disabled"}]},
        {"defaults": [{"/data": "text"}, {"/callbacks": ["early", "save"]}], "data": {"path": "b.txt"}},
        {"hydra": {"verbose": True, "job": {"chdir": True}, "output_subdir": None}},
        {"hydra": {"job_logging": {"root": {"level": "DEBUG"}}}},
    ],
    ids=str,
)
def test_the_overrides_compose_the_config_of_plain_hydra(tmp_path: Path, content: dict[str, Any]) -> None:
    path = make_app(tmp_path, search_file(**content))

    assert composed(tmp_path, *load_search_space(path).app_overrides) == composed(tmp_path, "hparams_search=search")


NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True).filter(lambda name: name not in {"hydra", "defaults"})
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12)
SCALARS = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False) | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)


@settings(max_examples=50, deadline=None)
@given(content=st.dictionaries(NAMES, VALUES, max_size=4))
def test_any_values_compose_as_in_plain_hydra_or_are_refused(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any]
) -> None:
    folder = tmp_path_factory.mktemp("app")
    path = make_app(folder, search_file(**content))
    try:
        expected = composed(folder, "hparams_search=search")
    except Exception:
        reject()  # Plain Hydra refuses the file.
    try:
        overrides = load_search_space(path).app_overrides
    except SearchSpaceError:
        reject()

    assert composed(folder, *overrides) == expected


def load(tmp_path: Path, text: str) -> SearchSpace:
    path = tmp_path / "search.yaml"
    path.write_text(text)
    return load_search_space(path)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ({"defaults": ["mnist"]}, "'mnist' names a config beside the file"),
        ({"defaults": [{"model": "large"}]}, "write /model for a group"),
        ({"defaults": [{"override model": "large"}]}, "write /model for a group"),
        ({"defaults": [{"optional /model": "large"}]}, "expected `override /group: option`"),
        ({"defaults": [{"override /model": 3}]}, "expected the name of an option"),
        ({"defaults": [{"override /model": None}]}, "expected the name of an option"),
        ({"defaults": "model"}, "expected a list"),
        ({"hydra": {"jbo": {"chdir": True}}}, "hydra.jbo is not a key of Hydra; did you mean 'job'?"),
        ({"hydra": {"searchpath": ["pkg://x"]}}, "only in the primary config"),
        ({"hydra": {"runtime": {}}}, "Hydra sets it"),
        ({"a b": 1}, "a b"),
        ({"note": "a\0b"}, "note: ++note='a"),
        ({"note": "x" * 140_000}, "note: ++note="),
        ({"a": {1: 2}}, "put it in quotes"),
    ],
)
def test_a_part_of_the_file_that_trials_cannot_get_is_refused(
    tmp_path: Path, content: dict[str, Any], named: str
) -> None:
    with pytest.raises(SearchSpaceError) as refusal:
        load(tmp_path, search_file(**content))

    assert named in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("n_trails: 9", "hydra.sweeper.n_trails is not a key of a sweeper; did you mean 'n_trials'?"),
        ("custom_search_space: app.space", "custom_search_space: it is a Python function"),
    ],
)
def test_a_key_of_the_sweeper_that_nothing_uses_is_refused(tmp_path: Path, line: str, named: str) -> None:
    text = f"hydra:\n  sweeper:\n    {line}\n    direction: minimize\n    params: {{lr: 'interval(0, 1)'}}\n"

    with pytest.raises(SearchSpaceError) as refusal:
        load(tmp_path, text)

    assert named in str(refusal.value)


def test_a_part_of_the_file_without_effect_is_named_with_the_reason(tmp_path: Path) -> None:
    sweeper = {
        **SWEEPER["sweeper"],
        "study_name": "x",
        "storage": None,
        "max_failure_rate": 0.1,
        "sampler": {"seed": 1},
    }
    content = {"hydra": {"mode": "MULTIRUN", "sweeper": sweeper}}

    space = load(tmp_path, search_file(**content))

    assert space.app_overrides == ()
    assert space.notices == (
        "defaults: override /hydra/sweeper: study has no effect, because the tuning service selects the values",
        "hydra.mode has no effect, because each trial is one run",
        "hydra.sweeper.max_failure_rate has no effect, because --max-failed-trials sets how many trials may fail",
    )
    assert (space.display_name, space.seed) == ("x", 1)


def test_an_interpolation_of_the_metric_is_resolved_in_the_file(tmp_path: Path) -> None:
    space = load(tmp_path, search_file(split="val", optimized_metric="${split}/loss"))

    assert space.study_spec.objective.id == "val/loss"


def test_an_interpolation_of_the_metric_to_another_file_is_left_to_the_app(tmp_path: Path) -> None:
    space = load(tmp_path, search_file(optimized_metric="${loss.monitor}"))

    assert space.metric_is_in_app
    assert space.app_overrides == ("++optimized_metric=${loss.monitor}",)
    named = space.with_metric("val/acc")
    assert named.study_spec.objective.id == "val/acc"
    assert named.app_overrides == ("++optimized_metric=val/acc",)


@pytest.mark.parametrize("key", ["direction", "n_trials", "n_jobs"])
def test_another_interpolation_that_the_file_does_not_resolve_is_refused(tmp_path: Path, key: str) -> None:
    sweeper = {**SWEEPER["sweeper"], key: "${other}"}

    with pytest.raises(
        SearchSpaceError, match=rf"hydra.sweeper.{key} is \$\{{other}}, which this file does not resolve"
    ):
        load(tmp_path, search_file(hydra={"sweeper": sweeper}))


def test_a_second_document_in_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SearchSpaceError, match=r"not a config that Hydra reads \(expected a single document"):
        load(tmp_path, search_file() + "---\na: 1\n")


def test_a_comment_before_the_header_ends_it_as_in_hydra(tmp_path: Path) -> None:
    assert load(tmp_path, "# a comment\n" + search_file().replace("_global_", "sweeps")).app_overrides == ()


def test_a_package_other_than_global_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SearchSpaceError, match=r"the package is sweeps.*@package _global_"):
        load(tmp_path, search_file().replace("_global_", "sweeps"))


def test_numbers_are_read_as_hydra_reads_them(tmp_path: Path) -> None:
    assert load(tmp_path, search_file() + "lr: 1e-3\n").app_overrides == ("++lr=0.001",)
