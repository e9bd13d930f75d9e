import ast
from dataclasses import replace
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf
from omegaconf.errors import ConfigKeyError, ValidationError

TRAINER = Path(__file__).parents[2] / "trainer"


@pytest.fixture
def settings_of(app, compose_config):
    return lambda *overrides: app("settings").read_settings(compose_config(*overrides))


@pytest.mark.parametrize(
    "choice",
    [
        f"{path.parent.name}={path.stem}"
        for path in sorted(TRAINER.glob("conf/*/*.yaml"))
        if path.parent.name != "hydra"
    ],
)
def test_every_option_of_every_config_group_gives_valid_settings(settings_of, choice):
    assert settings_of(choice).total_steps >= 1


def test_the_model_has_the_block_size_of_the_data(settings_of):
    assert settings_of("data.block_size=48").model.block_size == 48


@pytest.mark.parametrize("batch_size", [8, 16, 32, 64])
def test_every_batch_size_processes_about_the_same_number_of_bytes(settings_of, batch_size):
    settings = settings_of("experiment=docs", f"data.batch_size={batch_size}")
    processed = settings.total_steps * batch_size * settings.data.block_size
    assert (
        settings.trainer.train_bytes - batch_size * settings.data.block_size < processed <= settings.trainer.train_bytes
    )


def test_max_steps_overrides_train_bytes(settings_of):
    assert settings_of("trainer.max_steps=7").total_steps == 7


@pytest.fixture(scope="module")
def settings(app, compose_config):
    return app("settings").read_settings(compose_config("experiment=docs"))


@given(steps=st.integers(1, 10_000), validations=st.integers(1, 50))
def test_validations_during_training_are_fewer_than_all_validations(settings, steps, validations):
    trainer = replace(settings.trainer, max_steps=steps, validations=validations)
    in_training = steps // replace(settings, trainer=trainer).validation_interval
    assert in_training < validations or steps < validations
    assert in_training >= min(validations, steps) // 2


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.width=30", r"model\.width is 30"),
        ("data.val_fraction=2", r"data\.val_fraction is 2"),
        ("optimizer.lr=-1", r"optimizer\.lr is -1"),
        ("trainer.max_steps=0", r"trainer\.max_steps is 0"),
        ("trainer.train_bytes=0", r"trainer\.train_bytes is 0"),
        ("trainer.precision=fp8", r"trainer\.precision is 'fp8'; choose one of 32-true, bf16-mixed, 16-mixed"),
        ("optimizer.name=lion", r"optimizer\.name is 'lion'"),
    ],
)
def test_the_error_for_a_value_out_of_range_names_the_key(settings_of, override, message):
    with pytest.raises(ValueError, match=message):
        settings_of(override)


def test_the_error_for_a_value_of_the_wrong_type_shows_the_value(settings_of):
    with pytest.raises(ValidationError, match="'wide' of type 'str' could not be converted to Integer"):
        settings_of("model.width=wide")


def test_the_error_for_an_unknown_key_names_the_key(settings_of):
    with pytest.raises(ConfigKeyError, match="widht"):
        settings_of("+model.widht=64")


@pytest.fixture
def search(compose_config):
    return compose_config("experiment=docs", "hparams_search=docs", with_hydra=True)


def test_the_search_file_composes_without_a_sweeper_plugin(search):
    assert search.optimized_metric == "val/loss"
    assert search.hydra.sweeper.direction == "minimize"
    assert {"n_trials", "n_jobs", "params"} <= set(search.hydra.sweeper)


def test_every_key_of_the_search_space_is_in_the_config(search):
    missing = object()
    assert [
        key for key in search.hydra.sweeper.params if OmegaConf.select(search, key, default=missing) is missing
    ] == []


def _ends(key: str, space: str) -> list[str]:
    """Return overrides for all options of a choice, or for both ends of an interval."""
    value = OverridesParser.create().parse_override(f"{key}={space}").value()
    match value:
        case ChoiceSweep(list=choices):
            return [f"{key}={choice}" for choice in choices]
        case IntervalSweep(start=start, end=end):
            return [f"{key}={start}", f"{key}={end}"]
    raise AssertionError(f"{key}: {space} is neither a choice nor an interval")


def test_every_choice_and_interval_end_of_the_search_space_gives_valid_settings(search, settings_of):
    for key, space in search.hydra.sweeper.params.items():
        for override in _ends(key, space):
            assert settings_of("experiment=docs", override).total_steps > 0, override


@pytest.mark.parametrize("path", sorted(TRAINER.glob("*.py")), ids=lambda path: path.name)
def test_the_app_does_not_import_hydra_vertex(path):
    imported = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
    assert imported
    assert not imported & {"hydra_vertex", "hypertune", "google", "kfp"}
