"""One line of `hydra.sweeper.params`, read by Hydra's own override parser, as a `ParameterSpec`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, QuotedString, RangeSweep
from hydra.errors import HydraException

from hydra_vertex.job import Categorical, Discrete, Domain, DoubleRange, IntegerRange, ParameterSpec, ScaleType
from hydra_vertex.protocol.errors import SearchSpaceError
from hydra_vertex.protocol.json import Json

MAX_DISCRETE_VALUES = 1000
"""The API's own limit for a list of values."""

_SCALES = {"log": ScaleType.LOG, "reverse_log": ScaleType.REVERSE_LOG, "linear": ScaleType.LINEAR}
_EXAMPLES = "interval(1e-5, 1e-1), int(interval(1, 8)), range(1, 9), choice(16, 32), tag(log, interval(…))"
_EXACT_DOUBLE = 2**53


def parse_param(key: str, value: Json, source: str) -> ParameterSpec | str:
    """A parameter of the space, or the override text of a param that has a single value.

    Raises SearchSpaceError naming the file, the key, what it says and what can be said.
    """
    where = f"{source}: {key}: {value}"
    if not isinstance(value, (str, int, float)):
        raise SearchSpaceError(f"{where}: expected text such as {_EXAMPLES}")
    override = _parse_override(str(key), str(value).lower() if isinstance(value, bool) else str(value), where)
    if override.is_add() or override.is_force_add() or override.is_delete():
        raise SearchSpaceError(f"{where}: a param can only set a key that the app has; write the key without + or ~")
    sweep = override.value()
    match sweep:
        case IntervalSweep():
            return ParameterSpec(key, *_interval(sweep, where))
        case RangeSweep():
            return ParameterSpec(key, *_range(sweep, where))
        case ChoiceSweep():
            return ParameterSpec(key, *_choice(sweep, override, where))
    if override.is_sweep_override():
        raise SearchSpaceError(f"{where}: this kind of sweep cannot be searched; write choice(…) with its options")
    return str(override.input_line)


def _parse_override(key: str, text: str, where: str) -> Override:
    try:
        return OverridesParser.create().parse_override(f"{key}={text}")
    except HydraException as error:
        reason = str(error).splitlines()[0]
        raise SearchSpaceError(f"{where}: not Hydra's override grammar ({reason}); examples: {_EXAMPLES}") from error


def _interval(sweep: IntervalSweep, where: str) -> tuple[Domain, ScaleType]:
    scale, low, high = _scale(sweep.tags, where), sweep.start, sweep.end
    if low is None or high is None or not low < high:
        raise SearchSpaceError(f"{where}: the interval is empty; its start must be less than its end")
    _require_positive(scale, low, where)
    if isinstance(low, int) and isinstance(high, int):
        return IntegerRange(low, high), scale
    return DoubleRange(float(low), float(high)), scale


def _range(sweep: RangeSweep, where: str) -> tuple[Domain, ScaleType]:
    values = sorted(_tidy(value) for value in sweep.range())
    scale = _scale(sweep.tags, where)
    if len(values) < 2:
        raise SearchSpaceError(f"{where}: the range is empty or a single value ({values}); a range excludes its end")
    _require_positive(scale, values[0], where)
    if all(isinstance(v, int) for v in values) and abs(float(sweep.step)) == 1:
        return IntegerRange(int(values[0]), int(values[-1])), scale
    return _discrete(values, where), scale


def _choice(sweep: ChoiceSweep, override: Override, where: str) -> tuple[Domain, ScaleType | None]:
    scale = _scale(sweep.tags, where)
    options = [item.text if isinstance(item, QuotedString) else item for item in sweep.list]
    if len(options) < 2:
        raise SearchSpaceError(f"{where}: a choice needs at least two options; write a single value without choice()")
    if all(_is_number(item) for item in sweep.list):
        values = sorted(float(str(item)) for item in options)
        _require_positive(scale, values[0], where)
        return _discrete(values, where), scale
    if scale is not ScaleType.LINEAR:
        raise SearchSpaceError(f"{where}: options that are not numbers have no {'/'.join(sweep.tags)} scale")
    written = list(override.sweep_string_iterator())
    texts = [_text(option, text) for option, text in zip(options, written, strict=True)]
    _require_unique(texts, where)
    return Categorical(tuple(texts)), None


def _discrete(values: Iterable[int | float], where: str) -> Discrete:
    numbers = [float(value) for value in values]
    _require_unique(numbers, where)
    if len(numbers) > MAX_DISCRETE_VALUES:
        raise SearchSpaceError(
            f"{where}: {len(numbers)} values; a list may hold {MAX_DISCRETE_VALUES}, use an interval"
        )
    if any(abs(v) >= _EXACT_DOUBLE and v.is_integer() for v in numbers):
        raise SearchSpaceError(f"{where}: a number beyond 2^53 cannot travel as a double; quote it: choice('…')")
    return Discrete(tuple(numbers))


def _text(option: object, written: str) -> str:
    """A string verbatim, a bool as Hydra spells it, a list or dict as it was written."""
    if isinstance(option, str):
        return option
    return written.lower() if isinstance(option, bool) else written


def _tidy(value: int | float) -> int | float:
    """A float of a range without the dust of repeated addition: 0.3, not 0.30000000000000004."""
    return value if isinstance(value, int) else float(f"{value:.12g}")


def _require_unique(values: Sequence[str] | Sequence[float], where: str) -> None:
    if len(set(values)) != len(values):
        raise SearchSpaceError(f"{where}: a value stands there twice")


def _scale(tags: Iterable[str], where: str) -> ScaleType:
    names = sorted(tags)
    unknown = [name for name in names if name not in _SCALES]
    if unknown or len(names) > 1:
        raise SearchSpaceError(f"{where}: the tags are {', '.join(names)}; one of {', '.join(_SCALES)} is understood")
    return _SCALES[names[0]] if names else ScaleType.LINEAR


def _require_positive(scale: ScaleType, low: float, where: str) -> None:
    if scale in {ScaleType.LOG, ScaleType.REVERSE_LOG} and low <= 0:
        raise SearchSpaceError(f"{where}: a log scale needs bounds above 0, and {low} is not")


def _is_number(item: object) -> bool:
    return isinstance(item, (int, float)) and not isinstance(item, bool)
