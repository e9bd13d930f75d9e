"""Prices and durations as users write them, and the price of a trial."""

from __future__ import annotations

import pytest

from hydra_vertex.job import TrialJobSpec, WorkerPoolSpec
from hydra_vertex.launcher.cost.durations import DurationRange, parse_duration_text, parse_range
from hydra_vertex.launcher.cost.prices import Price, Prices, dump_prices, hourly_rate, load_prices, parse_prices, unused
from hydra_vertex.protocol.errors import DocumentError, UserError
from hydra_vertex.protocol.json import Json


@pytest.mark.parametrize(
    ("text", "price", "currency"),
    [
        ("2.1", Price(2.1), ""),
        ("2", Price(2.0), ""),
        ("2.1 EUR", Price(2.1), "EUR"),
        ("2.1EUR", Price(2.1), "EUR"),
        ("2.1€", Price(2.1), "€"),
        ("g2-standard-8=0.85", Price(0.85, "g2-standard-8"), ""),
        ("g2-standard-8 = 0.85 USD", Price(0.85, "g2-standard-8"), "USD"),
        ("g2-standard-8@spot=0.3", Price(0.3, "g2-standard-8", "SPOT"), ""),
        ("@flex-start=0.3", Price(0.3, "", "FLEX_START"), ""),
        ("@on-demand=0.3", Price(0.3, "", "STANDARD"), ""),
    ],
)
def test_a_price_has_an_amount_and_may_name_a_machine_and_a_strategy(text: str, price: Price, currency: str) -> None:
    assert parse_prices([text]) == Prices((price,), currency)


@pytest.mark.parametrize(
    "text",
    ["", "x", "-1", "0", "0.00", "1e3", "nan", "inf", "1,5", "$2", "=2", "a=", "a=b=1", "2 euros each", "a b=1", "@=1"],
)
def test_any_other_text_is_refused_with_the_forms(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_prices([text])


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["1", "2"], "two prices for any machine"),
        (["a@spot=1", "a@spot=2"], "two prices for a@spot"),
        (["a=1 EUR", "b=1 USD"], "another price is in EUR"),
        (["a@spott=1"], "did you mean 'spot'"),
    ],
)
def test_prices_that_contradict_each_other_are_refused(texts: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_prices(texts)


def spec(strategy: Json = None, *machines: str) -> TrialJobSpec:
    pools = tuple(WorkerPoolSpec(machine={"machineType": machine}) for machine in machines)
    return TrialJobSpec(worker_pools=pools, scheduling={} if strategy is None else {"strategy": strategy})


@pytest.mark.parametrize(
    ("strategy", "rate"),
    [
        ("SPOT", 1.0),
        (4, 1.0),
        ("LOW_COST", 1.0),
        ("STANDARD", 2.0),
        (None, 2.0),
        ("ON_DEMAND", 2.0),
        ("FLEX_START", 2.0),
    ],
)
def test_the_most_specific_price_applies(strategy: Json, rate: float) -> None:
    prices = parse_prices(["a@spot=1", "a=2", "@spot=4", "8"])

    assert hourly_rate(spec(strategy, "a"), prices) == rate
    assert hourly_rate(spec(strategy, "b"), prices) == (4 if rate == 1.0 else 8)


def test_a_machine_without_a_price_is_refused_by_name() -> None:
    with pytest.raises(UserError, match=r"no price for b \(on-demand\); there are prices for a; add b=AMOUNT"):
        hourly_rate(spec(None, "a", "b"), parse_prices(["a=1"]))
    with pytest.raises(UserError, match="a worker whose machine is not known"):
        hourly_rate(TrialJobSpec(()), parse_prices(["a=1"]))


def test_prices_that_no_pool_uses_are_found() -> None:
    prices = parse_prices(["a=1", "c=3"])

    assert unused(prices, [spec(None, "a")]) == (Price(3.0, "c"),)


def test_prices_survive_a_pipeline_parameter() -> None:
    prices = parse_prices(["a@spot=1.25 EUR", "2"])

    assert load_prices(dump_prices(prices)) == prices
    assert load_prices(dump_prices(Prices())) == Prices()


@pytest.mark.parametrize("text", ["{", "[]", '{"prices": 3}', '{"prices": [{"amount": 0}]}', '{"prices": [{}]}'])
def test_a_parameter_that_is_no_price_list_is_refused(text: str) -> None:
    with pytest.raises(DocumentError, match="hourly_prices"):
        load_prices(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("0.5", 0.5), ("90s", 90), ("30m", 1800), ("1h30m", 5400), ("2d", 172800), ("1.5h", 5400), ("0", 0)],
)
def test_a_duration_has_units_or_is_in_seconds(text: str, seconds: float) -> None:
    assert parse_duration_text(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "1w", "-1", "1h 30m", "m30", "1e3", "nan", "99999999999d"])
def test_any_other_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_duration_text(text)


def test_a_range_has_two_ends() -> None:
    assert parse_range("20m..1h") == DurationRange(1200, 3600)
    assert parse_range("30m") == DurationRange(1800, 1800)
    for text in ("1h..20m", "0", "..", "20m..", "..1h", "1m..2m..3m"):
        with pytest.raises(ValueError, match="expected"):
            parse_range(text)
