"""Live tasks: each trial trains a model of scikit-learn on its bundled data; the loss is that of cross-validation.

The minimum of a live task is not known, so it is stated as 0 and the regret is the loss itself.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from hydra_vertex.job import Categorical, DoubleRange, IntegerRange, ParameterSpec, ParameterValue, ScaleType

from .problem import Problem

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

Parameters = Mapping[str, ParameterValue]
FOLDS = 3
LOG = ScaleType.LOG


def live_tasks() -> tuple[Problem, ...]:
    """Return five tasks: three classifications by the mean log loss, two regressions by the mean squared error."""
    return (
        _task("MLP on wine", "wine", "neg_log_loss", _network, _NETWORK),
        _task("SVM on diabetes", "diabetes", "neg_mean_squared_error", _svm, _SVM),
        _task("Boosting on diabetes", "diabetes", "neg_mean_squared_error", _boosting, _BOOSTING),
        _task("Forest on breast cancer", "breast_cancer", "neg_log_loss", _forest, _FOREST),
        _task("Logistic regression on digits", "digits", "neg_log_loss", _logistic, _LOGISTIC),
    )


def _task(
    name: str, data: str, scoring: str, build: Callable[[Parameters], BaseEstimator], space: tuple[ParameterSpec, ...]
) -> Problem:
    def loss(p: Parameters) -> float | None:
        from sklearn.model_selection import cross_val_score

        features, target = _data(data)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of convergence: a slow learning rate is a bad trial, no defect
            value = -float(cross_val_score(build(p), features, target, scoring=scoring, cv=FOLDS).mean())
        return value if math.isfinite(value) else None

    return Problem(name, space, loss, 0.0)


@cache
def _data(name: str):  # type: ignore[no-untyped-def]  # scikit-learn has no types for its data sets
    """Return the features, scaled, and the target; of the regression in its standard deviation, and 600 digits."""
    from sklearn import datasets
    from sklearn.preprocessing import scale

    features, target = getattr(datasets, f"load_{name}")(return_X_y=True)
    return scale(features)[:600], scale(target)[:600] if name == "diabetes" else target[:600]


_NETWORK = (
    ParameterSpec("lr", DoubleRange(1e-5, 10.0), LOG),
    ParameterSpec("alpha", DoubleRange(1e-6, 10.0), LOG),
    ParameterSpec("momentum", DoubleRange(0.0, 0.99)),
    ParameterSpec("width", IntegerRange(2, 64), LOG),
    ParameterSpec("batch", IntegerRange(8, 64), LOG),
    ParameterSpec("activation", Categorical(("relu", "tanh", "logistic"))),
    ParameterSpec("schedule", Categorical(("constant", "invscaling", "adaptive"))),
)


def _network(p: Parameters) -> BaseEstimator:
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier(
        (int(p["width"]),),
        solver="sgd",
        activation=str(p["activation"]),
        learning_rate=str(p["schedule"]),
        learning_rate_init=float(p["lr"]),
        alpha=float(p["alpha"]),
        momentum=float(p["momentum"]),
        batch_size=int(p["batch"]),
        max_iter=15,
        random_state=0,
    )


_SVM = (
    ParameterSpec("C", DoubleRange(1e-3, 1e3), LOG),
    ParameterSpec("gamma", DoubleRange(1e-5, 10.0), LOG),
    ParameterSpec("epsilon", DoubleRange(1e-3, 1.0), LOG),
    ParameterSpec("kernel", Categorical(("linear", "poly", "rbf", "sigmoid"))),
)


def _svm(p: Parameters) -> BaseEstimator:
    from sklearn.svm import SVR

    numbers = {name: float(p[name]) for name in ("C", "gamma", "epsilon")}
    return SVR(kernel=str(p["kernel"]), max_iter=20_000, **numbers)


_BOOSTING = (
    ParameterSpec("lr", DoubleRange(1e-3, 1.0), LOG),
    ParameterSpec("trees", IntegerRange(5, 80), LOG),
    ParameterSpec("depth", IntegerRange(1, 6)),
    ParameterSpec("subsample", DoubleRange(0.2, 1.0)),
    ParameterSpec("leaf", IntegerRange(1, 40), LOG),
    ParameterSpec("features", DoubleRange(0.1, 1.0)),
)


def _boosting(p: Parameters) -> BaseEstimator:
    from sklearn.ensemble import GradientBoostingRegressor

    return GradientBoostingRegressor(
        learning_rate=float(p["lr"]),
        n_estimators=int(p["trees"]),
        max_depth=int(p["depth"]),
        subsample=float(p["subsample"]),
        min_samples_leaf=int(p["leaf"]),
        max_features=float(p["features"]),
        random_state=0,
    )


_FOREST = (
    ParameterSpec("trees", IntegerRange(2, 30), LOG),
    ParameterSpec("depth", IntegerRange(1, 12)),
    ParameterSpec("features", DoubleRange(0.05, 1.0)),
    ParameterSpec("leaf", IntegerRange(1, 30), LOG),
    ParameterSpec("criterion", Categorical(("gini", "entropy"))),
)


def _forest(p: Parameters) -> BaseEstimator:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(
        int(p["trees"]),
        max_depth=int(p["depth"]),
        max_features=float(p["features"]),
        min_samples_leaf=int(p["leaf"]),
        criterion=str(p["criterion"]),
        random_state=0,
    )


_LOGISTIC = (
    ParameterSpec("C", DoubleRange(1e-5, 1e3), LOG),
    ParameterSpec("ratio", DoubleRange(0.0, 1.0)),
    ParameterSpec("iterations", IntegerRange(2, 30), LOG),
    ParameterSpec("intercept", Categorical(("true", "false"))),
)


def _logistic(p: Parameters) -> BaseEstimator:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(
        C=float(p["C"]),
        l1_ratio=float(p["ratio"]),
        solver="saga",
        fit_intercept=p["intercept"] == "true",
        max_iter=int(p["iterations"]),
        random_state=0,
    )
