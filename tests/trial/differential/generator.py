"""Generates params of search files: keys of every kind, with sweeps in every form of Hydra's grammar."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override
from hydra.errors import HydraException

from hydra_vertex.job import Categorical, Discrete, DoubleRange, IntegerRange, ParameterSpec
from hydra_vertex.launcher.search_space.sweep_syntax import parse_param
from hydra_vertex.protocol.command import parameter_argument
from hydra_vertex.protocol.errors import SearchSpaceError

_FIELDS = (
    *("i", "f", "b", "s", "e", "p", "oi", "of", "ob", "os", "oe", "ui", "uf", "uo", "mi", "ms", "a"),
    *("li", "lf", "ls", "di", "de", "part", "parts"),
)
STRUCTURED = tuple(f"t.{name}" for name in _FIELDS)
INSIDE = ("t.di.one", "t.de.RED", "t.part.size", "t.part.name", "t.parts.0.size", "t.li.1", "t.ls.0", "l.0", "d.b.c")
UNTYPED = (
    *("i", "zero", "f", "b", "s", "digits", "null", "nothing", "missing", "ref", "text", "l", "d", "empty", "lr"),
    *("nested.deep.i", "nested.deep.f", "nested.deep.s", "nested.deep", "d.a", "model.depth", "model.width"),
    *("train.data.path", "train.data.workers"),
)
ADDED = ("+new", "++new2", "+d.z", "++d.a", "+t.di.two", "++t.i", "+empty.x", "+t.de.BLUE", "+hydra.job.env_set.X")
GROUPS = ("model", "data@train.data")
KEYS = (*STRUCTURED, *INSIDE, *UNTYPED, *ADDED, *GROUPS)

NUMBERS = ("0", "1", "2", "-3", "64", "1.0", "2.0", "0.1", "1e-5", "1e3", "1_000", ".5", "5.", "-0", "9007199254740993")
WORDS = ("relu", "'relu'", "auto", "bf16", "16-mixed", "RED", "Color.BLUE", "red", "small", "large", "gs://b/x", "x.y")
CONSTANTS = ("null", "NULL", "true", "false", "TRUE", "inf", "nan", "-inf", "yes", "off")
QUOTED = ("'1'", "'1.10'", "'null'", "'true'", "'off'", "''", "'a, b'", '"it\'s"', "'007'", "' x '", "'1e3'", "'{'")
ODD = ("007", "0x10", "a b", "é", "a@b", "x=y", "$x", "a:b", "%", "1-2", "1 2", "?", "-", "a\\,b", "a\\ b")
CONTAINERS = ("[1,2]", "[]", "[a]", "[1,'2',null]", "[[1],[2]]", "{a: 1}", "{}", "{name: cosine, T: 10}", "{size: 5}")
INTERPOLATIONS = ("${i}", "${lr}", "run_${s}", "'${s}'", "${d.a}")
POOLS = (NUMBERS, WORDS, CONSTANTS, QUOTED, ODD, CONTAINERS, INTERPOLATIONS)
_WHOLE = ("0", "1", "2", "-3", "64", "1_000")
_FITTING = (
    (["t.i", "t.mi", "t.part.size", "t.parts.0.size", "t.li.1", "t.di.one", "t.di.two"], _WHOLE),
    (["t.oi"], (*_WHOLE, "null")),
    (["t.f", "t.de.RED", "t.de.BLUE"], NUMBERS),
    (["t.of"], (*NUMBERS, "null", "inf", "nan")),
    (["t.b", "t.ob"], ("true", "false", "yes", "off", "1", "0", "2", "'true'")),
    (["t.e", "t.oe"], ("RED", "BLUE", "Color.BLUE", "1", "2", "'RED'")),
    (["t.li"], ("[1,2]", "[]", "[3]", "['4']")),
    (["t.lf"], ("[1,2]", "[]", "[0.5]")),
    (["t.ls"], ("[1,2]", "[]", "[a, b]", "[null]", "['1']")),
    (["t.di"], ("{}", "{one: 2}", "{two: 3, three: '4'}")),
    (["t.de"], ("{}", "{RED: 1}", "{BLUE: 0.5}")),
    (["t.part"], ("{}", "{size: 5}", "{name: x}")),
    (["t.parts"], ("[]", "[{size: 5}]")),
    (list(GROUPS), ("small", "large", "local", "remote", "null", "[small, large]", "[local]")),
    (["hydra.job.env_set.X"], WORDS),
)
_ANY_OPTION = 0.4
INTERVALS = ("1e-5, 1e-1", "0, 1", "1, 100", "-2.5, 7", "0.5, 0.75", "1, 2.5")
RANGES = ("1, 9", "8, 0, -1", "16, 65, 16", "0, 1, 0.25", "0.1, 0.5, 0.1", "1.0, 4", "-3, 3, 2")


@dataclass(frozen=True, slots=True)
class Case:
    """One param of a search file and one of its values: as plain Hydra writes it, and as a service transfers it."""

    key: str
    sweep: str
    plain: str
    argument: str

    @property
    def option(self) -> str:
        """The option of hydra-trial by which the sweep travels with the job."""
        return f"--sweep={self.key}={self.sweep}"

    def __str__(self) -> str:
        return f"{self.key}: {self.sweep} -> {self.plain} / {self.argument}"


@dataclass(frozen=True, slots=True)
class RefusedParam:
    """A param that Hydra's grammar accepts and the search file does not, with the message."""

    key: str
    sweep: str
    message: str

    def __str__(self) -> str:
        return f"{self.key}: {self.sweep} ({self.message})"


def generate(count: int, seed: int) -> Iterator[Case | RefusedParam]:
    """Yield `count` params that Hydra's grammar accepts."""
    rng = random.Random(seed)  # noqa: S311 - test data
    found = 0
    while found < count:
        case = _case(rng)
        if case is not None:
            found += 1
            yield case


def _case(rng: random.Random) -> Case | RefusedParam | None:
    key = rng.choice(KEYS)
    sweep = _sweep(rng, key)
    override = _parsed(f"{key}={sweep}")
    if override is None or not override.is_sweep_override():
        return None
    try:
        parameter = parse_param(key, sweep, "search.yaml")
    except SearchSpaceError as error:
        return RefusedParam(key, sweep, str(error))
    if isinstance(parameter, str):
        return None  # a choice with one option is an override
    plain, value = _point(rng, parameter, override)
    return Case(key, sweep, f"{key}={plain}", parameter_argument(key, value))


def _sweep(rng: random.Random, key: str) -> str:
    form = rng.randrange(12)
    if form == 0:
        return rng.choice(("interval({})", "int(interval({}))", "float(interval({}))")).format(rng.choice(INTERVALS))
    if form == 1:
        return rng.choice(("range({})", "float(range({}))", "sort(range({}))", "tag(x, range({}))")).format(
            rng.choice(RANGES)
        )
    pools = rng.sample(POOLS, rng.choice((1, 1, 2, 3))) if rng.random() < _ANY_OPTION else [_fitting(key)]
    options = [rng.choice(rng.choice(pools)) for _ in range(rng.randint(2, 4))]
    listed = ", ".join(dict.fromkeys(options))
    return rng.choice(("{}", "{}", "choice({})", "choice({})", "shuffle({})", "str(choice({}))")).format(listed)


def _fitting(key: str) -> tuple[str, ...]:
    """Return options that a structured key of this name probably accepts."""
    name = key.lstrip("+")
    fitting = next((options for keys, options in _FITTING if name in keys), None)
    return fitting or (*NUMBERS, *WORDS, *CONSTANTS, *QUOTED)


def _parsed(text: str) -> Override | None:
    try:
        override = OverridesParser.create().parse_override(text)
        override.value()
    except (HydraException, ValueError):
        return None
    return override


def _point(rng: random.Random, parameter: ParameterSpec, override: Override) -> tuple[str, float | int | str]:
    """Return one value of the param in plain Hydra's text, and the same value as the service transfers it."""
    sweep = override.value()
    match parameter.domain:
        case DoubleRange(low, high):
            value = rng.choice((low, high, low + (high - low) * rng.random()))
            return repr(value), value
        case IntegerRange(low, high):
            number = rng.randint(low, high)
            return str(number), rng.choice((number, float(number)))
        case Categorical(values):
            assert isinstance(sweep, ChoiceSweep)
            sweep.shuffle = False
            position = rng.randrange(len(values))
            return list(override.sweep_string_iterator())[position], values[position]
        case Discrete(values):
            assert not isinstance(sweep, IntervalSweep)
            text = rng.choice(list(override.sweep_string_iterator()))
            return text, min(values, key=lambda value: abs(value - float(text)))
