"""Files of hydra-ax-sweeper, hydra-nevergrad-sweeper and of hydra-optuna-sweeper before 1.2."""

from __future__ import annotations

from pathlib import Path

import pytest

from hydra_vertex.job import Algorithm, Categorical, Discrete, Domain, DoubleRange, Goal, IntegerRange, ScaleType
from hydra_vertex.launcher.search_space import SearchSpace, load_search_space
from hydra_vertex.protocol.errors import SearchSpaceError

AX = """
ax_config:
  max_trials: 20
  early_stop: {max_epochs_without_improvement: 10}
  experiment: {name: banana, objective_name: banana_value, minimize: false}
  client: {verbose_logging: false, random_seed: 4}
  params:
    banana.x: {type: range, bounds: [-5, 5]}
    banana.y: {type: range, bounds: [-5, 10.1]}
    lr: {type: range, bounds: [1.0e-4, 1], log_scale: true}
    act: {type: choice, values: [relu, 'null', 'a b'], is_ordered: false}
    size: {type: choice, values: [64, 16]}
    seed: {type: fixed, value: 3}
max_batch_size: 4
"""
NEVERGRAD = """
optim: {optimizer: OnePlusOne, budget: 100, num_workers: 5, noisy: true, maximize: true, seed: 7}
parametrization:
  db: [mnist, cifar]
  lr: {init: 0.02, step: 2.0, lower: 0.001, upper: 1.0, log: true}
  dropout: {lower: 0, upper: 1}
  batch_size: {lower: 4, upper: 16, integer: true}
  opt: adam
"""
OPTUNA = """
direction: minimize
n_trials: 5
search_space:
  x: {type: float, low: -5.5, high: 5.5, step: 0.5}
  y: {type: int, low: -5, high: 5}
  z: {type: int, low: 1, high: 64, log: true}
  w: {type: int, low: 0, high: 10, step: 4}
  lr: {type: float, low: 1.0e-5, high: 1, log: true}
  act: {type: categorical, choices: [relu, gelu]}
"""
LINEAR, LOG = ScaleType.LINEAR, ScaleType.LOG


def load(tmp_path: Path, sweeper: str) -> SearchSpace:
    path = tmp_path / "search.yaml"
    lines = "".join(f"    {line}\n" for line in sweeper.strip().splitlines())
    path.write_text(f"# @package _global_\nhydra:\n  sweeper:\n{lines}")
    return load_search_space(path)


def spaces(space: SearchSpace) -> dict[str, tuple[Domain, ScaleType | None]]:
    return {spec.id: (spec.domain, spec.scale) for spec in space.study_spec.parameters}


def test_an_ax_file_is_the_study_that_it_describes(tmp_path: Path) -> None:
    space = load(tmp_path, AX)

    assert spaces(space) == {
        "banana.x": (IntegerRange(-5, 5), LINEAR),
        "banana.y": (DoubleRange(-5.0, 10.1), LINEAR),
        "lr": (DoubleRange(1e-4, 1.0), LOG),
        "act": (Categorical(("relu", "null", "a b")), None),
        "size": (Discrete((16.0, 64.0)), LINEAR),
    }
    assert space.fixed == ("seed=3",)
    assert (space.study_spec.objective.id, space.study_spec.objective.goal) == ("banana_value", Goal.MAXIMIZE)
    assert (space.max_trial_count, space.parallel_trial_count) == (20, 4)
    assert (space.display_name, space.seed) == ("banana", 4)
    assert [notice.partition(" has no effect")[0] for notice in space.notices] == [
        "hydra.sweeper.ax_config.early_stop",
        "hydra.sweeper.ax_config.client.verbose_logging",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "ax_config: {params: {a: {type: choice, values: ['1', '2', null, 0.5]}}}",
        "parametrization: {a: ['1', '2', null, 0.5]}",
        "direction: minimize\nsearch_space: {a: {type: categorical, choices: ['1', '2', null, 0.5]}}",
    ],
    ids=["ax", "nevergrad", "optuna"],
)
def test_listed_values_keep_their_types(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, text).sweeps == ("a='1', '2', null, 0.5",)


def test_a_nevergrad_file_is_the_study_that_it_describes(tmp_path: Path) -> None:
    space = load(tmp_path, NEVERGRAD)

    assert spaces(space) == {
        "db": (Categorical(("mnist", "cifar")), None),
        "lr": (DoubleRange(0.001, 1.0), LOG),
        "dropout": (DoubleRange(0.0, 1.0), LINEAR),
        "batch_size": (IntegerRange(4, 16), LINEAR),
    }
    assert space.fixed == ("opt=adam",)
    assert space.study_spec.objective.goal is Goal.MAXIMIZE
    assert (space.max_trial_count, space.parallel_trial_count, space.seed) == (100, 5, 7)
    assert [notice.partition(" has no effect")[0] for notice in space.notices] == [
        "hydra.sweeper.optim.optimizer",
        "hydra.sweeper.optim.noisy",
        "hydra.sweeper.parametrization.lr.init",
        "hydra.sweeper.parametrization.lr.step",
    ]


def test_nevergrads_options_go_with_params_in_hydras_grammar(tmp_path: Path) -> None:
    space = load(tmp_path, "optim: {budget: 6}\nparams: {lr: 'interval(0, 1)'}")

    assert spaces(space) == {"lr": (DoubleRange(0.0, 1.0), LINEAR)}
    assert (space.max_trial_count, space.parallel_trial_count) == (6, 10)
    assert space.study_spec.objective.goal is Goal.MINIMIZE


def test_optunas_old_search_space_has_inclusive_bounds(tmp_path: Path) -> None:
    space = load(tmp_path, OPTUNA)

    assert spaces(space) == {
        "x": (Discrete(tuple(-5.5 + 0.5 * step for step in range(23))), LINEAR),
        "y": (IntegerRange(-5, 5), LINEAR),
        "z": (IntegerRange(1, 64), LOG),
        "w": (Discrete((0.0, 4.0, 8.0)), LINEAR),
        "lr": (DoubleRange(1e-5, 1.0), LOG),
        "act": (Categorical(("relu", "gelu")), None),
    }


def test_params_replace_optunas_old_search_space_as_in_the_plugin(tmp_path: Path) -> None:
    space = load(tmp_path, OPTUNA + "params: {q: 'interval(0, 1)'}")

    assert list(spaces(space)) == ["q"]
    assert space.notices == (
        "hydra.sweeper.search_space has no effect, because hydra.sweeper.params has the search space",
    )


@pytest.mark.parametrize(
    ("sampler", "algorithm", "seed", "notices"),
    [
        ("{_target_: optuna.samplers.TPESampler, seed: 1}", Algorithm.BAYESIAN, 1, ["TPESampler"]),
        ("{_target_: optuna.samplers.RandomSampler, seed: 0}", Algorithm.RANDOM_SEARCH, 0, []),
        ("{_target_: optuna.samplers.GridSampler, _partial_: true}", Algorithm.GRID_SEARCH, None, []),
        ("{seed: 9, n_startup_trials: 4}", Algorithm.BAYESIAN, 9, ["n_startup_trials"]),
        ("null", Algorithm.BAYESIAN, None, []),
    ],
)
def test_the_samplers_algorithm_and_seed_are_applied(
    tmp_path: Path, sampler: str, algorithm: Algorithm, seed: int | None, notices: list[str]
) -> None:
    space = load(tmp_path, f"direction: minimize\nsampler: {sampler}\nparams: {{a: 'choice(1, 2)'}}")

    assert (space.study_spec.algorithm, space.seed) == (algorithm, seed)
    assert [notice.partition(": ")[2].partition(" has")[0] for notice in space.notices] == notices


@pytest.mark.parametrize(
    ("sweeper", "before", "after", "named"),
    [
        (AX, "max_trials", "max_trails", "ax_config.max_trails is not a field of it; did you mean 'max_trials'?"),
        (AX, "{name: banana,", "{parameter_constraints: [x1 + x2 <= 1],", "parameter_constraints cannot be expressed"),
        (AX, "{name: banana,", "{outcome_constraints: [a <= 1],", "outcome_constraints cannot be expressed"),
        (
            AX,
            "type: range, bounds: [-5, 5]",
            "type: rnge, bounds: [-5, 5]",
            "banana.x.type is 'rnge'; expected a kind; did you mean 'range'?",
        ),
        (AX, "bounds: [-5, 5]", "bounds: [5]", "banana.x.bounds is [5]; expected a lower and an upper number"),
        (AX, "bounds: [-5, 5]", "bounds: [a, 5]", "banana.x.bounds.lower is 'a'; expected a finite number"),
        (AX, "log_scale: true", "digits: 3", "lr.digits is not a field of it"),
        (AX, "random_seed: 4", "random_seed: x", "hydra.sweeper.sampler.seed is 'x'; expected a whole number"),
        (AX, "max_trials: 20", "max_trials: 2.5", "hydra.sweeper.n_trials is 2.5; expected a whole number"),
        (NEVERGRAD, "lower: 0.001, ", "", "parametrization.lr.lower is missing, and a parameter of a study has two"),
        (NEVERGRAD, "lower: 4", "lower: 4.5", "batch_size.lower is 4.5; expected a whole number"),
        (NEVERGRAD, "budget", "budgte", "optim.budgte is not a field of it; did you mean 'budget'?"),
        (NEVERGRAD, "[mnist, cifar]", "[]", "parametrization.db is []; expected a list of values"),
        (OPTUNA, "type: int, low: -5", "type: integer, low: -5", "search_space.y.type is 'integer'; expected one of"),
        (OPTUNA, "high: 64, log: true", "high: 64, log: true, step: 2", "z.step cannot be combined with log"),
        (OPTUNA, "low: -5.5, ", "", "search_space.x.low is missing; write both bounds"),
    ],
)
def test_what_a_study_cannot_express_is_refused_by_name(
    tmp_path: Path, sweeper: str, before: str, after: str, named: str
) -> None:
    assert before in sweeper
    with pytest.raises(SearchSpaceError) as refusal:
        load(tmp_path, sweeper.replace(before, after, 1))

    assert named in str(refusal.value)
    assert str(tmp_path / "search.yaml") in str(refusal.value)
