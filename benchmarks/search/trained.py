"""Search problems from real training runs of scikit-learn's models on its digits.

The loss is 1 - accuracy in three-fold cross-validation. It is computed once at every node of a lattice and stored in a
folder. Between the nodes it is interpolated multilinearly, so that its minimum is at a node.
"""

from __future__ import annotations

import itertools
import json
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hydra_vertex.job import (
    Categorical,
    ConditionalParameter,
    DoubleRange,
    IntegerRange,
    ParameterSpec,
    ParameterValue,
    ScaleType,
)

from .problem import Problem

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin

Node = tuple[float | str, ...]
Build = Callable[[Mapping[str, float | str]], "ClassifierMixin"]


@dataclass(frozen=True, slots=True)
class Lattice:
    """The values of each parameter at which a model is trained. `log`: parameters interpolated in their logarithm."""

    name: str
    build: Build
    values: Mapping[str, Sequence[float] | Sequence[str]]
    log: frozenset[str]

    def nodes(self) -> list[Node]:
        return list(itertools.product(*self.values.values()))


def svm(p: Mapping[str, float | str]) -> ClassifierMixin:
    from sklearn.svm import SVC

    return SVC(C=p["C"], gamma=p["gamma"])


def neighbours(p: Mapping[str, float | str]) -> ClassifierMixin:
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(n_neighbors=int(p["k"]), weights=p["weights"], p=p["power"])


def forest(p: Mapping[str, float | str]) -> ClassifierMixin:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(
        n_estimators=int(p["trees"]), max_depth=int(p["depth"]), max_features=p["features"], random_state=0
    )


def network(p: Mapping[str, float | str], epochs: int = 12) -> ClassifierMixin:
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier(
        hidden_layer_sizes=(int(p["width"]),),
        learning_rate_init=p["lr"],
        alpha=p["alpha"],
        activation=p.get("activation", "relu"),
        solver=p.get("solver", "adam"),
        batch_size=64,
        max_iter=epochs,
        random_state=0,
    )


def logspace(low: float, high: float, count: int) -> tuple[float, ...]:
    return tuple(low * (high / low) ** (index / (count - 1)) for index in range(count))


LR, WIDTH, ALPHA = logspace(1e-5, 1.0, 11), (2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0), logspace(1e-6, 10.0, 4)
MIXED = Lattice(
    "network",
    network,
    {
        "lr": LR,
        "width": WIDTH,
        "activation": ("relu", "tanh", "logistic"),
        "solver": ("adam", "sgd"),
        "alpha": (1e-6, 1e-2, 10.0),
    },
    frozenset({"lr", "width", "alpha"}),
)
MODELS = (
    Lattice("svm", svm, {"C": logspace(1e-3, 1e3, 9), "gamma": logspace(1e-6, 1.0, 13)}, frozenset({"C", "gamma"})),
    Lattice(
        "neighbours",
        neighbours,
        {
            "k": (1.0, 2.0, 3.0, 4.0, 6.0, 10.0, 20.0, 50.0),
            "weights": ("uniform", "distance"),
            "power": (1.0, 1.5, 2.0, 3.0),
        },
        frozenset({"k"}),
    ),
    Lattice(
        "forest",
        forest,
        {"trees": (2.0, 5.0, 15.0, 50.0), "depth": (1.0, 2.0, 4.0, 7.0, 12.0, 20.0), "features": (0.02, 0.1, 0.3, 1.0)},
        frozenset({"trees", "depth", "features"}),
    ),
    Lattice("mlp", network, {"lr": LR, "width": WIDTH, "alpha": ALPHA}, frozenset({"lr", "width", "alpha"})),
)

LOG = ScaleType.LOG
MIXED_SPACE = (
    ParameterSpec("lr", DoubleRange(1e-5, 1.0), LOG),
    ParameterSpec("width", IntegerRange(2, 128), LOG),
    ParameterSpec("activation", Categorical(("relu", "tanh", "logistic"))),
    ParameterSpec("solver", Categorical(("adam", "sgd"))),
    ParameterSpec("alpha", DoubleRange(1e-6, 10.0), LOG),
)
MODEL_PARAMETERS = {
    "svm": (ParameterSpec("C", DoubleRange(1e-3, 1e3), LOG), ParameterSpec("gamma", DoubleRange(1e-6, 1.0), LOG)),
    "neighbours": (
        ParameterSpec("k", IntegerRange(1, 50), LOG),
        ParameterSpec("weights", Categorical(("uniform", "distance"))),
        ParameterSpec("power", DoubleRange(1.0, 3.0)),
    ),
    "forest": (
        ParameterSpec("trees", IntegerRange(2, 50), LOG),
        ParameterSpec("depth", IntegerRange(1, 20), LOG),
        ParameterSpec("features", DoubleRange(0.02, 1.0), LOG),
    ),
    "mlp": (
        ParameterSpec("lr", DoubleRange(1e-5, 1.0), LOG),
        ParameterSpec("width", IntegerRange(2, 128), LOG),
        ParameterSpec("alpha", DoubleRange(1e-6, 10.0), LOG),
    ),
}
CONDITIONAL_SPACE = (
    ParameterSpec(
        "model",
        Categorical(tuple(MODEL_PARAMETERS)),
        children=tuple(
            ConditionalParameter((model,), child) for model, specs in MODEL_PARAMETERS.items() for child in specs
        ),
    ),
)


def trained_problems(folder: Path) -> tuple[Problem, ...]:
    """Return the mixed and the conditional problem. Lattices that are not stored in the folder are trained first."""
    mixed = Table(MIXED, trained(MIXED, folder))
    models = {lattice.name: Table(lattice, trained(lattice, folder)) for lattice in MODELS}
    return (
        Problem("Mixed, an MLP on digits", MIXED_SPACE, mixed.loss, mixed.minimum),
        Problem(
            "Conditional, four models on digits",
            CONDITIONAL_SPACE,
            partial(_loss_of_model, models),
            min(table.minimum for table in models.values()),
        ),
    )


def _loss_of_model(models: Mapping[str, Table], parameters: Mapping[str, ParameterValue]) -> float:
    return models[str(parameters["model"])].loss(parameters)


class Table:
    """A lattice with the loss at each node."""

    def __init__(self, lattice: Lattice, losses: Mapping[Node, float]) -> None:
        self._lattice = lattice
        self._losses = losses
        self.minimum = min(losses.values())

    def loss(self, parameters: Mapping[str, ParameterValue]) -> float:
        """Return the loss at a point by multilinear interpolation."""
        ends = [self._ends(name, parameters[name]) for name in self._lattice.values]
        corners = itertools.product(*ends)
        return sum(
            self._losses[tuple(value for value, _ in corner)] * math.prod(weight for _, weight in corner)
            for corner in corners
        )

    def _ends(self, name: str, value: ParameterValue) -> list[tuple[float | str, float]]:
        if isinstance(value, str):
            return [(value, 1.0)]
        levels = [float(level) for level in self._lattice.values[name]]
        above = next((i for i, level in enumerate(levels) if level >= value), len(levels) - 1)
        if levels[above] <= value or above == 0:
            return [(levels[above], 1.0)]
        scale = math.log if name in self._lattice.log else float
        low, high = scale(levels[above - 1]), scale(levels[above])
        share = (scale(value) - low) / (high - low)
        return [(levels[above - 1], 1.0 - share), (levels[above], share)]


def trained(lattice: Lattice, folder: Path) -> dict[Node, float]:
    """Return the loss at every node: read from the folder, or computed and stored there."""
    path = folder / f"trained-{lattice.name}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        losses = [_train(lattice, node) for node in lattice.nodes()]
        beside = path.with_suffix(".part")
        beside.write_text(json.dumps(losses))
        beside.replace(path)
    return dict(zip(lattice.nodes(), json.loads(path.read_text()), strict=True))


def _train(lattice: Lattice, node: Node) -> float:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import cross_val_score

    pixels, digits = load_digits(return_X_y=True)
    model = lattice.build(dict(zip(lattice.values, node, strict=True)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # models that do not converge or overflow are part of the problem
        return 1.0 - float(cross_val_score(model, pixels[:900] / 16.0, digits[:900], cv=3).mean())
