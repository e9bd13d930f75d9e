"""Kinds of problems on which an optimiser can be worse than random search: each kind once for choosing, once to report.

The two sets have the same kinds with other functions, dimensions and best points. A set is made by `kinds(SET)`. The
optimiser's constants are chosen on DEVELOPMENT alone.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hydra_vertex.job import Categorical, DoubleRange, IntegerRange, ParameterSpec, ParameterValue, ScaleType

from .problem import Problem

Parameters = Mapping[str, ParameterValue]
Loss = Callable[[Parameters], float]
LOG = ScaleType.LOG


@dataclass(frozen=True, slots=True)
class Shape:
    """What differs between the two sets: a seed of the best points, and the steepness of the valleys."""

    name: str
    seed: int
    power: float
    dimensions: int


DEVELOPMENT = Shape("development", 1, 2.0, 4)
HELD_OUT = Shape("held out", 2, 1.5, 5)


def kinds(shape: Shape) -> tuple[Problem, ...]:
    """Return the problems of one set."""
    return (
        mixed(shape),
        *(exploding(shape, worst) for worst in (1e3, 1e6)),
        *(noisy(shape, level) for level in (0.1, 0.3, 1.0)),
        *(failing(shape, share) for share in (0.4, 0.7)),
        plateaus(shape),
        categories(shape),
        few_that_matter(shape),
        *(wide(shape, count) for count in (20, 30)),
        on_the_boundary(shape),
        log_valley(shape),
    )


def mixed(shape: Shape) -> Problem:
    """Eight mixed parameters, as of a training run: log, linear, integer, categories that interact with numbers."""
    rng = _rng(shape, "mixed")
    lr, decay, warmup = rng.uniform(0.3, 0.7), rng.uniform(0.2, 0.8), rng.uniform(0.1, 0.6)
    depth, width = rng.randint(3, 6), rng.choice((128, 192, 256))
    order = {name: rng.sample(range(3), 3) for name in ("activation", "optimizer", "schedule")}

    def loss(p: Parameters) -> float:
        optimizer = order["optimizer"][("adam", "sgd", "lion").index(str(p["optimizer"]))]
        best_lr = lr + 0.12 * (optimizer - 1)
        u = _unit(p["lr"], 1e-5, 1e-1)
        bowl = 0.6 * abs(u - best_lr) ** shape.power + 0.1 * abs(_unit(p["decay"], 1e-6, 1e-1) - decay) ** 2
        bowl += 0.05 * abs(float(p["warmup"]) - warmup) + 0.02 * abs(float(p["depth"]) - depth) / 8
        bowl += 0.04 * abs(math.log2(float(p["width"]) / width)) / 3
        bowl += 0.03 * order["activation"][("gelu", "relu", "tanh").index(str(p["activation"]))]
        return (
            bowl + 0.03 * optimizer + 0.015 * order["schedule"][("cosine", "linear", "none").index(str(p["schedule"]))]
        )

    space = (
        ParameterSpec("lr", DoubleRange(1e-5, 1e-1), LOG),
        ParameterSpec("decay", DoubleRange(1e-6, 1e-1), LOG),
        ParameterSpec("warmup", DoubleRange(0.0, 1.0)),
        ParameterSpec("depth", IntegerRange(1, 8)),
        ParameterSpec("width", IntegerRange(32, 512), LOG),
        ParameterSpec("activation", Categorical(("gelu", "relu", "tanh"))),
        ParameterSpec("optimizer", Categorical(("adam", "sgd", "lion"))),
        ParameterSpec("schedule", Categorical(("cosine", "linear", "none"))),
    )
    return Problem("Mixed, eight parameters", space, loss, _minimum_of_mixed(loss, lr, decay, warmup, depth, width))


def _minimum_of_mixed(loss: Loss, lr: float, decay: float, warmup: float, depth: int, width: int) -> float:
    """Return the minimum: at the best numbers of each optimizer, over all categories."""
    found = []
    for shift in (-0.12, 0.0, 0.12):
        numbers = {"lr": 1e-5 * 1e4 ** (lr + shift), "decay": 1e-6 * 1e5**decay, "warmup": warmup, "depth": depth}
        found += [
            loss({**numbers, "width": width, "activation": a, "optimizer": o, "schedule": s})
            for a in ("gelu", "relu", "tanh")
            for o in ("adam", "sgd", "lion")
            for s in ("cosine", "linear", "none")
        ]
    return min(found)


def exploding(shape: Shape, worst: float) -> Problem:
    """A training loss of 0.3 to 2 that grows to `worst` above a learning rate: a third of the space."""
    rng = _rng(shape, f"exploding {worst:g}")
    best = rng.uniform(0.35, 0.6)
    others = [rng.uniform(0.2, 0.8) for _ in range(shape.dimensions - 1)]

    def loss(p: Parameters) -> float:
        u = _unit(p["lr"], 1e-5, 1.0)
        bowl = 0.3 + 2.0 * abs(u - best) ** shape.power
        bowl += sum(0.4 * (float(p[f"x{i}"]) - x) ** 2 for i, x in enumerate(others))
        return bowl + (worst * ((u - 0.67) / 0.33) ** 2 if u > 0.67 else 0.0)

    return Problem(f"Exploding to {worst:g}", (_lr(), *_doubles(len(others))), loss, 0.3)


def noisy(shape: Shape, level: float) -> Problem:
    """A bowl whose values are measured with normal noise: `level` is its deviation, in that of the space's losses."""
    rng = _rng(shape, f"noisy {level:g}")
    centre = [rng.uniform(0.2, 0.8) for _ in range(shape.dimensions)]
    bowl = _bowl(centre, shape.power)
    draws = [bowl(_units(rng, len(centre))) for _ in range(2000)]
    mean = sum(draws) / len(draws)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in draws) / len(draws))

    def measured(p: Parameters) -> float:
        return bowl(p) + level * deviation * _normal(p, shape.seed)

    return Problem(f"Noise {level:g}", _doubles(len(centre)), measured, 0.0, true_loss=bowl)


def failing(shape: Shape, share: float) -> Problem:
    """A bowl cut by a half-space that fails, `share` of the space, whose border is next to the best point."""
    rng = _rng(shape, f"failing {share:g}")
    count = shape.dimensions
    normal = [rng.uniform(0.3, 1.0) for _ in range(count)]
    sums = sorted(sum(n * rng.random() for n in normal) for _ in range(4000))
    border = sums[int((1.0 - share) * len(sums))]
    inner = [min(0.95, 0.97 * border / sum(normal))] * count
    bowl = _bowl(inner, shape.power)

    def loss(p: Parameters) -> float | None:
        return bowl(p) if sum(n * float(p[f"x{i}"]) for i, n in enumerate(normal)) <= border else None

    return Problem(f"Failing next to the best, {share:.0%}", _doubles(count), loss, 0.0)


def plateaus(shape: Shape) -> Problem:
    """The error on a validation set of 100 examples: steps of 0.01."""
    rng = _rng(shape, "plateaus")
    centre = [rng.uniform(0.2, 0.8) for _ in range(shape.dimensions)]
    bowl = _bowl(centre, shape.power)

    def loss(p: Parameters) -> float:
        return round(min(0.9, 0.05 + bowl(p)) * 100) / 100

    return Problem("Plateaus of 100 examples", _doubles(shape.dimensions), loss, 0.05)


def categories(shape: Shape) -> Problem:
    """Categories of 5, 6 and 7 values and two numbers whose best values depend on the first category."""
    rng = _rng(shape, "categories")
    sizes = (5, 6, 7)
    worth = [[rng.random() for _ in range(size)] for size in sizes]
    worth = [[value - min(values) for value in values] for values in worth]
    centres = [(rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8)) for _ in range(sizes[0])]

    def loss(p: Parameters) -> float:
        chosen = [int(str(p[f"c{i}"])[1:]) for i in range(len(sizes))]
        a, b = centres[chosen[0]]
        bowl = abs(float(p["x0"]) - a) ** shape.power + abs(float(p["x1"]) - b) ** shape.power
        return sum(values[c] for values, c in zip(worth, chosen, strict=True)) + bowl

    space = tuple(
        ParameterSpec(f"c{i}", Categorical(tuple(f"v{j}" for j in range(size)))) for i, size in enumerate(sizes)
    )
    return Problem("Categories 5 x 6 x 7", (*space, *_doubles(2)), loss, 0.0)


def few_that_matter(shape: Shape) -> Problem:
    """Twelve dimensions of which three matter."""
    rng = _rng(shape, "few")
    which = rng.sample(range(12), 3)
    centre = {index: rng.uniform(0.15, 0.85) for index in which}

    def loss(p: Parameters) -> float:
        return sum(2.0 * abs(float(p[f"x{i}"]) - c) ** shape.power for i, c in centre.items())

    return Problem("12 dimensions, 3 matter", _doubles(12), loss, 0.0)


def wide(shape: Shape, count: int) -> Problem:
    """A bowl in many dimensions, all of which matter, by different amounts."""
    rng = _rng(shape, f"wide {count}")
    centre = [rng.uniform(0.2, 0.8) for _ in range(count)]
    weights = [2.0 ** -(3.0 * index / count) for index in range(count)]

    def loss(p: Parameters) -> float:
        parts = (
            w * abs(float(p[f"x{i}"]) - c) ** shape.power for i, (w, c) in enumerate(zip(weights, centre, strict=True))
        )
        return sum(parts)

    return Problem(f"{count} dimensions", _doubles(count), loss, 0.0)


def on_the_boundary(shape: Shape) -> Problem:
    """A slope whose best point is a corner of the space."""
    rng = _rng(shape, "boundary")
    corner = [float(rng.random() < 0.5) for _ in range(shape.dimensions)]
    return Problem("Best in a corner", _doubles(shape.dimensions), _bowl(corner, shape.power), 0.0)


def log_valley(shape: Shape) -> Problem:
    """A narrow valley across two parameters with log scales, as of learning rate and batch size."""
    rng = _rng(shape, "valley")
    total, along = rng.uniform(0.8, 1.2), rng.uniform(0.2, 0.8)

    def loss(p: Parameters) -> float:
        u, v = _unit(p["lr"], 1e-5, 1.0), _unit(p["batch"], 1.0, 4096.0)
        return 20.0 * abs(u + v - total) ** shape.power + (v - along) ** 2 + 0.2 * (float(p["x0"]) - 0.5) ** 2

    batch = ParameterSpec("batch", DoubleRange(1.0, 4096.0), LOG)
    return Problem("Narrow valley, log scales", (_lr(), batch, *_doubles(1)), loss, 0.0)


def _bowl(centre: Sequence[float], power: float) -> Loss:
    return lambda p: sum(abs(float(p[f"x{i}"]) - c) ** power for i, c in enumerate(centre)) / len(centre)


def _doubles(count: int) -> tuple[ParameterSpec, ...]:
    return tuple(ParameterSpec(f"x{i}", DoubleRange(0.0, 1.0)) for i in range(count))


def _lr() -> ParameterSpec:
    return ParameterSpec("lr", DoubleRange(1e-5, 1.0), LOG)


def _unit(value: ParameterValue, low: float, high: float) -> float:
    """Return the fraction of a log axis."""
    return math.log(float(value) / low) / math.log(high / low)


def _units(rng: random.Random, count: int) -> dict[str, ParameterValue]:
    return {f"x{i}": rng.random() for i in range(count)}


def _rng(shape: Shape, kind: str) -> random.Random:
    return random.Random(f"{shape.seed} {kind}")  # noqa: S311 - test data


def _normal(p: Parameters, seed: int) -> float:
    """Return a standard normal number that is a function of the point: the noise of its one measurement."""
    text = f"{seed} {sorted(p.items())}"
    rng = random.Random(hashlib.sha256(text.encode()).digest())  # noqa: S311 - test data
    return rng.gauss(0.0, 1.0)
