"""The user's hourly prices of a worker, by machine type and strategy. Pure; there is no price list."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hydra_vertex.job import TrialJobSpec, WorkerPoolSpec
from hydra_vertex.job.fields import Fields
from hydra_vertex.launcher.capacity.strategies import parse_strategies, strategy_of, word_of
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol import json
from hydra_vertex.protocol.errors import DocumentError, UserError
from hydra_vertex.protocol.json import Json

_AMOUNT = re.compile(r"(?P<amount>\d{1,12}(\.\d{1,9})?)\s*(?P<currency>[^\W\d_]{1,8}|[$€£¥])?")
_KEY = re.compile(r"(?P<machine>[A-Za-z0-9][A-Za-z0-9._-]{0,62})?(@(?P<strategy>[A-Za-z_-]+))?")
FORMS = "expected AMOUNT, MACHINE=AMOUNT, @STRATEGY=AMOUNT or MACHINE@STRATEGY=AMOUNT, such as g2-standard-8@spot=0.30"


@dataclass(frozen=True, slots=True)
class Price:
    """The price of one worker for one hour. An empty `machine` or `strategy` means: any. `strategy` is the API's."""

    amount: float
    machine: str = ""
    strategy: str = ""

    @property
    def name(self) -> str:
        """The machine and the strategy as the command line has them; empty for any."""
        return self.machine + (f"@{word_of(self.strategy)}" if self.strategy else "")


@dataclass(frozen=True, slots=True)
class Prices:
    """All prices of a study, in one currency; its text may be empty."""

    prices: tuple[Price, ...] = ()
    currency: str = ""

    def of(self, machine: str, strategy: str) -> Price | None:
        """Return the price for a worker: that of machine and strategy before that of the machine, then the strategy."""
        by_key = {(price.machine, price.strategy): price for price in self.prices}
        keys = ((machine, strategy), (machine, ""), ("", strategy), ("", ""))
        return next((by_key[key] for key in keys if key in by_key), None)

    def text(self, amount: float) -> str:
        """Return an amount with the currency, such as `12.60 EUR`."""
        return f"{amount:.2f} {self.currency}".rstrip()


def parse_prices(texts: Iterable[str]) -> Prices:
    """Return the prices of texts such as `2.1`, `2.1 EUR`, `g2-standard-8=0.85` and `g2-standard-8@spot=0.30`.

    Raises ValueError when a text has another form, or when two prices or two currencies contradict each other.
    """
    prices: dict[tuple[str, str], Price] = {}
    currency = ""
    for text in texts:
        price, own_currency = _parse(text)
        if (price.machine, price.strategy) in prices:
            raise ValueError(f"{excerpt(repr(text))}: there are two prices for {price.name or 'any machine'}; give one")
        if own_currency and currency and own_currency != currency:
            raise ValueError(f"{excerpt(repr(text))}: another price is in {currency}; give all in one currency")
        prices[price.machine, price.strategy] = price
        currency = currency or own_currency
    return Prices(tuple(prices.values()), currency)


def _parse(text: str) -> tuple[Price, str]:
    key, equals, value = text.rpartition("=")
    named, amount = _KEY.fullmatch(key.strip()), _AMOUNT.fullmatch(value.strip())
    if named is None or amount is None or bool(equals) != bool(key.strip()):
        raise ValueError(f"{excerpt(repr(text))}: {FORMS}")
    number = float(amount["amount"])
    if number <= 0:
        raise ValueError(f"{excerpt(repr(text))}: expected a price above 0")
    strategies = parse_strategies(named["strategy"]) if named["strategy"] else ("",)
    return Price(number, named["machine"] or "", strategies[0]), amount["currency"] or ""


def hourly_rate(spec: TrialJobSpec, prices: Prices) -> float | None:
    """Return what one trial costs in an hour: the sum over the workers of all pools; None without prices.

    Raises UserError when a pool's machine has no price.
    """
    if not prices.prices:
        return None
    strategy = strategy_of(spec)
    return math.fsum(_rate_of(pool, strategy, prices) for pool in pools_of(spec))


def _rate_of(pool: WorkerPoolSpec, strategy: str, prices: Prices) -> float:
    machine = machine_of(pool)
    price = prices.of(machine, strategy)
    if price is None:
        known = ", ".join(price.name for price in prices.prices)
        missing = f"{machine or 'a worker whose machine is not known'} ({word_of(strategy)})"
        raise UserError(
            f"--hourly-price: there is no price for {missing}; there are prices for {known}; add {machine or 'AMOUNT'}"
            f"{'=AMOUNT' if machine else ', a price for any machine'}"
        )
    return price.amount * pool.replica_count


def unused(prices: Prices, specs: Sequence[TrialJobSpec]) -> tuple[Price, ...]:
    """Return the prices that no worker pool of these specs uses."""
    used = {prices.of(machine_of(pool), strategy_of(spec)) for spec in specs for pool in pools_of(spec)}
    return tuple(price for price in prices.prices if price not in used)


def pools_of(spec: TrialJobSpec) -> tuple[WorkerPoolSpec, ...]:
    """Return the worker pools of a trial; one worker, when the spec names none."""
    return spec.worker_pools or (WorkerPoolSpec(),)


def workers_of(spec: TrialJobSpec) -> int:
    """Return the number of workers of a trial: the replicas of all pools."""
    return max(1, sum(pool.replica_count for pool in pools_of(spec)))


def machine_of(pool: WorkerPoolSpec) -> str:
    """Return the machine type of a pool; empty when it has none."""
    machine = pool.machine.get("machineType")
    return machine if isinstance(machine, str) else ""


def dump_prices(prices: Prices) -> str:
    """Return the prices as JSON for a pipeline parameter; empty for none."""
    if not prices.prices:
        return ""
    items: list[Json] = [{"machine": p.machine, "strategy": p.strategy, "amount": p.amount} for p in prices.prices]
    return json.dumps({"currency": prices.currency, "prices": items})


def load_prices(text: str, path: str = "hourly_prices") -> Prices:
    """Return the prices of a pipeline parameter. Raises DocumentError naming the field."""
    if not text.strip():
        return Prices()
    try:
        fields = Fields(json.loads(text), path)
    except ValueError as error:
        raise DocumentError(path, f"not JSON ({error}): {text!r:.200}") from error
    return Prices(fields.items("prices", _load_price), fields.text("currency"))


def _load_price(value: Json, path: str) -> Price:
    fields = Fields(value, path)
    amount = fields.number("amount", 0.0) or 0.0
    if amount <= 0:
        raise DocumentError(fields.path("amount"), f"expected a price above 0, got {amount:g}")
    return Price(amount, fields.text("machine"), fields.text("strategy"))
