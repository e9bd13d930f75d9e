"""Parses one entry of `hydra.sweeper.params` into a `ParameterSpec`, with Hydra's own override parser."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import islice, starmap

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, QuotedString, RangeSweep
from hydra.errors import HydraException

from hydra_vertex.job import Categorical, Discrete, Domain, DoubleRange, IntegerRange, ParameterSpec, ScaleType
from hydra_vertex.launcher.arguments import argument_problem
from hydra_vertex.launcher.limits import MAX_DISCRETE_VALUES
from hydra_vertex.launcher.text.terminal import excerpt, is_name
from hydra_vertex.protocol.errors import SearchSpaceError
from hydra_vertex.protocol.json import Json
from hydra_vertex.protocol.sweep_values import EXACT_DOUBLE, SweepOption, numbers_of, texts_of

from .conditions import MARK as CONDITION_MARK

_SCALES = {"log": ScaleType.LOG, "reverse_log": ScaleType.REVERSE_LOG, "linear": ScaleType.LINEAR}
_EXAMPLES = "interval(1e-5, 1e-1), int(interval(1, 8)), range(1, 9), choice(16, 32), tag(log, interval(…))"


def parse_param(key: Json, value: Json, source: str) -> ParameterSpec | str:
    """Return a parameter of the space, or the override text of a param that has a single value.

    Raises SearchSpaceError naming the file, the key, the value and what is allowed.
    """
    where = f"{source}: {excerpt(key)}: {excerpt(value)}"
    if not isinstance(key, str) or not is_name(key):
        raise SearchSpaceError(f"{where}: the key is {key!r:.200}; expected text without spaces, such as optimizer.lr")
    if not isinstance(value, (str, int, float)):
        raise SearchSpaceError(f"{where}: expected text such as {_EXAMPLES}")
    try:
        override = _parse_override(key, str(value).lower() if isinstance(value, bool) else str(value), where)
        return _parameter(key, override, where)
    except RecursionError as error:
        raise SearchSpaceError(f"{where}: nested too deeply; examples: {_EXAMPLES}") from error


def _parse_override(key: str, text: str, where: str) -> Override:
    _require_argument(text, where)
    try:
        return OverridesParser.create().parse_override(f"{key}={text}")
    except (HydraException, ValueError) as error:
        reason = excerpt(str(error).splitlines()[0], 200)
        if "NoneType" in reason:  # Hydra's functions do not take null.
            raise SearchSpaceError(
                f"{where}: Hydra's choice() does not take null; write `null, …` without it"
            ) from error
        raise SearchSpaceError(f"{where}: not Hydra's override grammar ({reason}); examples: {_EXAMPLES}") from error


def _parameter(key: str, override: Override, where: str) -> ParameterSpec | str:
    if override.is_delete():
        raise SearchSpaceError(f"{where}: a param cannot delete a key; write the key without ~")
    sweep = override.value()
    if isinstance(sweep, ChoiceSweep) and len(sweep.list) == 1:
        return f"{key}={next(override.sweep_string_iterator())}"
    match sweep:
        case IntervalSweep():
            return ParameterSpec(key, *_interval(sweep, where))
        case RangeSweep():
            return ParameterSpec(key, *_range(sweep, where))
        case ChoiceSweep():
            return ParameterSpec(key, *_choice(sweep, override, where))
    if override.is_sweep_override():
        raise SearchSpaceError(f"{where}: this kind of sweep is not supported; write choice(…) with its options")
    return str(override.input_line)


def _interval(sweep: IntervalSweep, where: str) -> tuple[Domain, ScaleType]:
    scale = _scale(sweep.tags, where)
    low, high = (_finite(end, where) for end in (sweep.start, sweep.end))
    if not low < high:
        raise SearchSpaceError(f"{where}: the interval is empty; its start must be less than its end")
    _require_positive(scale, low, where)
    if isinstance(low, int) and isinstance(high, int):
        return _integers(low, high, where), scale
    if not math.isfinite(float(high) - float(low)):
        raise SearchSpaceError(
            f"{where}: the width from {low} to {high} exceeds the range of a double; choose a narrower interval"
        )
    return DoubleRange(float(low), float(high)), scale


def _range(sweep: RangeSweep, where: str) -> tuple[Domain, ScaleType]:
    start, stop, step = (_finite(number, where) for number in (sweep.start, sweep.stop, sweep.step))
    scale = _scale(sweep.tags, where)
    if step == 0:
        raise SearchSpaceError(f"{where}: the step is 0; expected a number above or below 0")
    # Computed, not listed: a range may have more values than fit into memory.
    count = max(0, math.ceil((Fraction(stop) - Fraction(start)) / Fraction(step)))
    if count < 2:
        what = "empty" if count == 0 else f"the single value {start}"
        raise SearchSpaceError(f"{where}: the range is {what}; a range excludes its end and needs at least two values")
    if isinstance(start, int) and isinstance(stop, int) and isinstance(step, int) and abs(step) == 1:
        last = start + (count - 1) * step
        _require_positive(scale, min(start, last), where)
        return _integers(min(start, last), max(start, last), where), scale
    _require_few(count, where)
    values = sorted(_tidy(value) for value in islice(sweep.range(), count))
    _require_positive(scale, values[0], where)
    return _discrete(values, where), scale


def _choice(sweep: ChoiceSweep, override: Override, where: str) -> tuple[Domain, ScaleType | None]:
    scale = _scale(sweep.tags, where)
    options = _options(sweep, override)
    if not options:
        raise SearchSpaceError(f"{where}: the choice is empty; give at least one option")
    numbers = numbers_of(options)
    if numbers is not None:
        _require_few(len(numbers), where)
        _require_positive(scale, min(numbers), where)
        return Discrete(tuple(sorted(numbers))), scale
    if scale is not ScaleType.LINEAR:
        raise SearchSpaceError(
            f"{where}: only numbers can have a {'/'.join(sorted(sweep.tags))} scale; remove the tag, or give numbers"
        )
    texts = texts_of(options)
    for text in texts:
        _require_argument(text, where)
    _require_unique(texts, where)
    return Categorical(texts), None


def _options(sweep: ChoiceSweep, override: Override) -> list[SweepOption]:
    sweep.shuffle = False  # The iterator of the texts would shuffle.
    values = (item.text if isinstance(item, QuotedString) else item for item in sweep.list)
    return list(starmap(SweepOption, zip(values, override.sweep_string_iterator(), strict=True)))


def _integers(low: int, high: int, where: str) -> IntegerRange:
    for end in (low, high):
        if abs(end) > EXACT_DOUBLE:
            raise SearchSpaceError(
                f"{where}: {excerpt(end, 40)} is beyond 2^53, where the API's doubles do not represent every whole "
                f"number; expected ends from -{EXACT_DOUBLE} to {EXACT_DOUBLE}"
            )
    return IntegerRange(low, high)


def _discrete(values: Sequence[int | float], where: str) -> Discrete:
    _require_few(len(values), where)
    if any(abs(value) >= EXACT_DOUBLE and value == int(value) for value in values):
        raise SearchSpaceError(f"{where}: whole numbers from 2^53 on are not exact as doubles; use choice(…)")
    numbers = [float(value) for value in values]
    _require_unique(numbers, where)
    return Discrete(tuple(numbers))


def _tidy(value: int | float) -> int | float:
    """Round a float of a range to 12 digits: repeated addition gives 0.30000000000000004 in place of 0.3."""
    return value if isinstance(value, int) else float(f"{value:.12g}")


def _finite(number: object, where: str) -> int | float:
    is_finite = math.isfinite(number) if isinstance(number, float) else isinstance(number, int)
    if not isinstance(number, (int, float)) or not is_finite:
        raise SearchSpaceError(f"{where}: {number} is not a finite number; write one such as 1e-5")
    return number


def _require_few(count: int, where: str) -> None:
    if count > MAX_DISCRETE_VALUES:
        raise SearchSpaceError(
            f"{where}: {excerpt(count, 40)} values; a list may have at most {MAX_DISCRETE_VALUES}, use an interval"
        )


def _require_argument(text: str, where: str) -> None:
    if problem := argument_problem(text):
        raise SearchSpaceError(f"{where}: {excerpt(repr(text), 40)} {problem}")


def _require_unique(values: Sequence[str] | Sequence[float], where: str) -> None:
    if len(set(values)) != len(values):
        raise SearchSpaceError(f"{where}: a value is listed twice; remove one of them")


def _scale(tags: Iterable[str], where: str) -> ScaleType:
    names = sorted(tag for tag in tags if CONDITION_MARK not in tag)
    unknown = [name for name in names if name not in _SCALES]
    if unknown or len(names) > 1:
        raise SearchSpaceError(f"{where}: the tags are {', '.join(names)}; expected one of {', '.join(_SCALES)}")
    return _SCALES[names[0]] if names else ScaleType.LINEAR


def _require_positive(scale: ScaleType, low: float, where: str) -> None:
    if scale in {ScaleType.LOG, ScaleType.REVERSE_LOG} and low <= 0:
        raise SearchSpaceError(f"{where}: a log scale needs values above 0, got {excerpt(low, 40)}")
