"""check_data's judgements: each on bars in which the one thing was planted, and on real prices in which it was not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pyjobs.check_data import main as check_data
from pyjobs.market.bars import COLUMNS, Bars, SeriesKey
from pyjobs.market.checks import quality
from pyjobs.market.checks.inspection import inspect
from pyjobs.market.checks.splits import breaks
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.partitions import Partition, Provenance, encoded
from tests.market.support.made_up_exchange import MINUTE_MS, picked, scaled, walk
from tests.market.support.real_prices import real_candles, real_days
from utils.run import run

KEY = SeriesKey(exchange="BITFINEX", symbol="BTCUSD", timeframe="1m")
DAY_MS = 86_400_000
MIDNIGHT_MS = 1_767_225_600_000  # 2026-01-01T00:00Z


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BarStore:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    return BarStore(tmp_path / "data" / "raw", locks=tmp_path / ".locks")


def put(store: BarStore, bars: Bars, empty: object = ()) -> None:
    store.write(
        KEY, bars, provider="t", fetched_at_ms=1, adjusted="raw", last_final=True, empty=np.array(empty, np.int64)
    )


def day(count: int = 1440) -> Bars:
    return walk(count, first_ms=MIDNIGHT_MS + MINUTE_MS)


def found(store: BarStore, market: str = "24/7", now_ms: int = MIDNIGHT_MS + DAY_MS) -> dict[str, int]:
    flaws = inspect(store, KEY, market, now_ms=now_ms).flaws
    return {f"{flaw.level} {flaw.partition} {flaw.what.partition(':')[0]}": flaw.count for flaw in flaws}


def test_a_clean_series_has_no_findings(store: BarStore) -> None:
    put(store, day())
    assert found(store) == {}


def test_gaps_and_quiet_minutes_are_told_apart(store: BarStore) -> None:
    bars = day()
    put(store, picked(bars, np.r_[0:100, 110:200, 205:1440]), bars.ts_ms[200:205])
    assert found(store) == {"WARN 2026-01-01 gap": 10, "note 2026-01-01 confirmed empty by the provider": 5}


def test_a_stale_end_is_told(store: BarStore) -> None:
    put(store, day(100))
    last = int(day(100).ts_ms[-1])
    assert found(store, now_ms=last + 15 * MINUTE_MS) == {}
    assert found(store, now_ms=last + 15 * MINUTE_MS + 1) == {"WARN - stale": 1}


def test_what_no_store_writes_is_found_in_a_file_from_elsewhere(store: BarStore) -> None:
    bars = picked(day(10), np.r_[0:5, 4:10])
    bars.low[2], bars.high[3], bars.volume[7], bars.close[9] = -1.0, 1.0, -5.0, np.nan
    folder = store.folder(KEY)
    folder.mkdir(parents=True)
    provenance = Provenance(provider="t", fetched_at_ms=1, adjusted="raw", last_final=True)
    (folder / "2026-01-02.parquet").write_bytes(encoded(KEY, Partition(bars=bars, provenance=provenance)))
    counts = found(store)
    assert counts["FAIL 2026-01-02 time that is there twice"] == 1
    assert counts["FAIL 2026-01-02 price of zero or less"] == 1
    assert counts["FAIL 2026-01-02 open, high, low and close out of order"] == 1
    assert counts["FAIL 2026-01-02 negative volume"] == 1
    assert counts["FAIL 2026-01-02 missing or infinite value"] == 1
    assert counts["FAIL 2026-01-02 time of another partition"] == 11


def test_an_unreadable_partition_and_one_set_aside_are_told(store: BarStore) -> None:
    put(store, day(2000))
    for path in store.partitions(KEY):
        path.write_bytes(b"torn")
    store.set_aside_unreadable(KEY, MIDNIGHT_MS, MIDNIGHT_MS + DAY_MS)
    counts = found(store)
    assert counts == {"FAIL 2026-01-02 cannot be read": 1, "WARN 2026-01-01 was set aside as unreadable": 1}


def test_halts_are_noted_in_a_series_that_reports_volume_only() -> None:
    bars = day(100)
    for name in ("open", "high", "low", "close"):
        getattr(bars, name)[50:53] = bars.close[49]
    bars.volume[50:53] = 0
    assert quality.halts(bars).sum() == 3
    bars.volume[:] = 0
    assert quality.halts(bars).sum() == 0


@pytest.mark.parametrize("factor", [100.0, 0.01, 10.0, 1000.0, 0.001])
@pytest.mark.parametrize("fields", [("open", "high", "low", "close"), ("wick",), ("close",), ("open",)])
@pytest.mark.parametrize("together", [1, 77, 78, 200])
def test_a_misplaced_decimal_point_is_a_bad_print(
    monkeypatch: pytest.MonkeyPatch, factor: float, fields: tuple[str, ...], together: int
) -> None:
    monkeypatch.setattr(quality, "LOOKED_AT", together)
    bars = day(200)
    if fields == ("wick",):
        fields = ("high",) if factor > 1 else ("low",)
    for name in fields:
        getattr(bars, name)[77] *= factor
    if fields != ("open", "high", "low", "close"):  # a true bar's high and low take in its open and close
        bars.high[77] = max(bars.open[77], bars.high[77], bars.low[77], bars.close[77])
        bars.low[77] = min(bars.open[77], bars.high[77], bars.low[77], bars.close[77])
    assert np.flatnonzero(quality.bad_prints(bars)).tolist() == [77]


@pytest.mark.parametrize("slip", [100, 1000])
@pytest.mark.parametrize("digits", [2, 8])
def test_an_exact_hundredth_or_thousandth_is_a_bad_print_on_whatever_volume(slip: int, digits: int) -> None:
    for at in range(20, 1400, 40):
        bars = scaled(day(), 0.4127)
        bars.low[at] = round(bars.low[at] / slip, digits if slip == 100 else digits + 1)
        bars.volume[at] = 20 * bars.volume.max()
        assert np.flatnonzero(quality.bad_prints(bars)).tolist() == [at]


@pytest.mark.parametrize("factor", [100.0, 0.01, 1000.0])
@pytest.mark.parametrize("length", [2, 3])
@pytest.mark.parametrize("fields", [("open", "high", "low", "close"), ("wick",)])
def test_a_misplaced_decimal_point_a_few_bars_long_is_one_too(
    factor: float, length: int, fields: tuple[str, ...]
) -> None:
    bars = day(200)
    for name in fields if fields != ("wick",) else ("high",) if factor > 1 else ("low",):
        getattr(bars, name)[77 : 77 + length] *= factor
    assert np.flatnonzero(quality.bad_prints(bars)).tolist() == list(range(77, 77 + length))


def test_neither_end_is_judged_by_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    bars = day(200)
    for name in ("open", "high", "low", "close"):
        getattr(bars, name)[100:] *= 5  # a jump that lasts
    bars.high[0] *= 5  # a wick as high as the last price, but no power of ten from any price next to it
    for together in (30, 200):
        monkeypatch.setattr(quality, "LOOKED_AT", together)
        assert not quality.bad_prints(bars).any()


def crashed(depth: float) -> Bars:
    """Down to `depth` of the price within four bars and back within six, each trading on from the one before."""
    bars = day(200)
    share = np.interp(np.arange(10), [0, 3, 9], [1 - (1 - depth) / 3, depth, 0.99])
    for i, part in enumerate(share):
        bars.close[100 + i] *= part
        bars.open[100 + i] = bars.close[99 + i]
        bars.high[100 + i] = max(bars.open[100 + i], bars.close[100 + i])
        bars.low[100 + i] = min(bars.open[100 + i], bars.close[100 + i])
        bars.volume[100 + i] *= 20
    bars.open[110] = bars.close[109]
    bars.low[110] = min(bars.low[110], bars.open[110])
    return bars


@pytest.mark.parametrize("depth", [0.8, 0.5, 0.2, 0.05])
def test_a_flash_crash_is_none(depth: float) -> None:
    assert not quality.bad_prints(crashed(depth)).any()


def test_a_wick_that_was_traded_is_none() -> None:
    bars = day(200)  # as on GDAX, 2017-06-21: from 319 to 0.10 dollars and back within a minute, on huge volume
    bars.low[100] *= 0.0003
    bars.volume[100] = 500
    assert not quality.bad_prints(bars).any()


# US shares on 2010-05-06 that traded at a cent, by their price before; ETH at GDAX on 2017-06-21, BTC at Binance.US on
# 2021-10-21 (SEC and CFTC report of 2010-09-30; the exchanges' own accounts)
@pytest.mark.parametrize(("price", "low", "busy"), [
    (41.09, 0.01, 5.1), (41.09, 0.01, 1.5), (10.02, 0.01, 1.5), (99.9, 0.01, 1.5), (317.81, 0.1, 80.0),
    (65_815.0, 8_200.0, 30.0),
])  # fmt: skip
def test_a_low_that_was_really_traded_at_is_none(price: float, low: float, busy: float) -> None:
    bars = scaled(day(200), price / 100)
    bars.low[100] = low
    bars.volume[100] = busy * bars.volume[90:110].max()
    assert not quality.bad_prints(bars).any()


def test_a_split_is_a_break_and_no_bad_print() -> None:
    for factor in (0.02, 0.1, 0.05, 0.5, 10.0):
        bars = day(200)
        after = scaled(picked(bars, np.r_[100:200]), factor)
        whole = Bars(**{c: np.append(getattr(bars, c)[:100], getattr(after, c)) for c in COLUMNS})
        assert not quality.bad_prints(whole).any()
        ((at, size),) = breaks(whole)
        assert at == 100 and size == pytest.approx(factor, rel=0.05)
    assert breaks(day(1440)) == []


@pytest.mark.parametrize("name", ["1h", "30m"])
def test_a_year_of_real_candles_has_no_bad_print_and_no_break(shared_data: Path, name: str) -> None:
    bars = real(shared_data, name)
    assert not quality.bad_prints(bars).any()
    assert breaks(bars) == []
    for at in range(500, 6000, 500):
        spoiled = picked(bars, np.arange(len(bars)))
        spoiled.close[at] *= 100
        spoiled.high[at] = spoiled.close[at]
        assert np.flatnonzero(quality.bad_prints(spoiled)).tolist() == [at]


def real(shared_data: Path, name: str) -> Bars:
    if name in ("1h", "30m"):
        return real_candles(
            shared_data / f"bitfinex_bars/BFX_BTCUSD_{name}.json", 1_800_000 if name == "30m" else 3_600_000
        )
    days = real_days(shared_data / f"krx_daily/v1_{name}.csv")
    columns = np.array([days[day] for day in sorted(days)]).T
    high, low = np.maximum.reduce(columns[:4]), np.minimum.reduce(columns[:4])
    times = np.arange(columns.shape[1], dtype=np.int64) * DAY_MS
    return Bars(ts_ms=times, open=columns[0], high=high, low=low, close=columns[3], volume=columns[4])


@pytest.mark.parametrize("name", ["1h", "30m", "005930", "000660", "005380"])
def test_a_slipped_point_in_real_prices_is_found_in_calm_and_wild_weeks_and_at_both_ends(
    shared_data: Path, name: str
) -> None:
    bars = real(shared_data, name)
    rng = np.random.default_rng(20261120)
    for at in (0, 1, len(bars) - 2, len(bars) - 1, *rng.choice(len(bars), 400, replace=False).tolist()):
        near = np.arange(max(0, at - 20), min(len(bars), at + 21))
        for factor in (100.0, 0.01, 10.0):
            for fields in (("close",), ("open",), ("open", "high", "low", "close")):
                spoiled, i = picked(bars, near), at - int(near[0])
                for field in fields:
                    getattr(spoiled, field)[i] *= factor
                sides = [getattr(spoiled, field)[i] for field in ("open", "high", "low", "close")]
                spoiled.high[i], spoiled.low[i] = max(sides), min(sides)
                assert np.flatnonzero(quality.bad_prints(spoiled)).tolist() == [i], (at, factor, fields)


@pytest.mark.parametrize("name", ["1h", "30m", "005930", "000660", "005380"])
@pytest.mark.parametrize("deep", [0.4, 0.8, 0.95, 0.99])
def test_a_crash_through_real_prices_is_none(shared_data: Path, name: str, deep: float) -> None:
    """Three bars: down by half of it, to the bottom, and back to nearly where it began, all on heavy volume."""
    bars = real(shared_data, name)
    for at in np.random.default_rng(20261120).choice(np.arange(10, len(bars) - 10), 50, replace=False).tolist():
        crash = picked(bars, np.arange(at - 10, at + 10))
        top, bottom = float(crash.close[9]), float(crash.close[9]) * (1 - deep)
        turns = [top, (top + bottom) / 2, bottom, 0.97 * top]
        for i in range(3):
            opened, closed = turns[i], turns[i + 1]
            crash.open[10 + i], crash.close[10 + i] = opened, closed
            crash.high[10 + i], crash.low[10 + i] = max(opened, closed), min(opened, closed)
            crash.volume[10 + i] = 20 * max(float(crash.volume[:10].max()), 1.0)
        assert not quality.bad_prints(crash).any(), at


def printed(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str]:
    code = run(check_data, list(argv))
    return code, capsys.readouterr().out


def test_the_verb_prints_a_table_markdown_or_json_and_exits_65_for_what_is_broken(
    store: BarStore, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_NOW", str(MIDNIGHT_MS // 1000 + 86_460))
    put(store, picked(day(), np.r_[0:100, 110:1440]))
    code, text = printed(capsys)
    assert code == 0 and "WARN   BITFINEX:BTCUSD:1m  2026-01-01     10  gap: missing by the market's calendar" in text
    code, text = printed(capsys, "--markdown")
    assert code == 0 and text.startswith("# Stored bars\n") and "| WARN  | BITFINEX:BTCUSD:1m |" in text
    store.partitions(KEY)[0].write_bytes(b"torn")
    code, text = printed(capsys, "--json", "1", "--symbol", "BTCUSD")
    (series,) = json.loads(text)["series"]
    assert code == 65 and series["market"] == "24/7"
    assert [(f["level"], f["partition"]) for f in series["findings"]] == [("FAIL", "2026-01-01")]
    assert run(check_data, ["--symbol", "NONE"]) == 66


@pytest.mark.parametrize(("timeframe", "step", "first"), [("1d", DAY_MS, 16), ("1w", 7 * DAY_MS, 30)])
def test_days_and_weeks_that_end_at_an_hour_of_their_own_are_what_the_calendar_expects(
    store: BarStore, timeframe: str, step: int, first: int
) -> None:
    key = SeriesKey(exchange="T", symbol="X", timeframe=timeframe)
    times = MIDNIGHT_MS + first * 3_600_000 + step * np.arange(20, dtype=np.int64)
    bars = picked(day(20), np.arange(20))
    bars = Bars(ts_ms=times, **{name: getattr(bars, name) for name in COLUMNS[1:]})
    store.write(key, bars, provider="t", fetched_at_ms=1, adjusted="raw", last_final=True)
    assert inspect(store, key, "24/7", now_ms=int(times[-1])).flaws == ()


def test_a_fall_that_many_series_share_is_the_markets() -> None:
    from pyjobs.market.checks.inspection import BREAK, Flaw, Inspected, without_crashes

    def series(name: str, first: str) -> Inspected:
        flaw = Flaw(series=name, partition="2020", level="WARN", what=BREAK, count=1, first=first)
        key = SeriesKey(exchange="T", symbol=name, timeframe="1d")
        return Inspected(key=key, market="XNYS", partitions=1, bars=9, last="-", flaws=(flaw,))

    found = without_crashes([*(series(f"S{n}", "2020-03-16") for n in range(6)), series("T", "2014-06-09")])
    assert [one.flaws[0].level for one in found] == ["note"] * 6 + ["WARN"]


@pytest.mark.parametrize("name", ["005930", "000660", "005380"])
def test_thirty_years_of_real_adjusted_days_raise_no_false_alarm_of_a_split(shared_data: Path, name: str) -> None:
    assert len(breaks(real(shared_data, name), "XKRX")) <= (1 if name == "005930" else 0)  # 1989-12: of 26 674 days


def nights(count: int = 120, seed: int = 7) -> Bars:
    """Days that open a little off the close before, and swing a little."""
    random = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.008, count)))
    open_ = np.append(100.0, close[:-1]) * np.exp(random.normal(0, 0.004, count))
    high, low = np.maximum(open_, close) * 1.004, np.minimum(open_, close) * 0.996
    volume = 1e6 * np.exp(random.normal(0, 0.3, count))
    times = np.arange(1, count + 1, dtype=np.int64) * 86_400_000
    return Bars(ts_ms=times, open=open_, high=high, low=low, close=close, volume=volume)


def split_at(bars: Bars, at: int, ratio: float) -> Bars:
    """`bars` as they were traded where each share became `ratio` shares before the open of `at`."""
    factor = np.where(np.arange(len(bars)) < at, ratio, 1.0)
    prices = {name: getattr(bars, name) * factor for name in ("open", "high", "low", "close")}
    return Bars(ts_ms=bars.ts_ms, volume=bars.volume / factor, **prices)


@pytest.mark.parametrize("ratio", [5 / 4, 6 / 5, 7 / 6, 4 / 5, 5 / 6])
def test_a_split_that_moves_the_price_by_a_fifth_is_told_and_the_same_jump_on_news_is_not(ratio: float) -> None:
    bars = split_at(nights(), 100, ratio)
    ((at, size),) = breaks(bars, "XNYS")
    assert at == 100 and size == pytest.approx(1 / ratio, rel=0.03)
    busy = picked(bars, np.arange(len(bars)))
    busy.volume[100] *= 5
    wild = picked(bars, np.arange(len(bars)))
    wild.low[100] *= 0.95
    minutes = Bars(**{name: getattr(bars, name) for name in COLUMNS[1:]}, ts_ms=bars.ts_ms // 1440)
    for other in (busy, wild, minutes):
        assert breaks(other, "XNYS") == []
    assert breaks(bars, "24/7") == []


@pytest.mark.parametrize(("ratio", "least"), [(5 / 4, 20), (9 / 7, 20), (8 / 7, 14), (9 / 8, 10)])
def test_of_small_splits_planted_on_real_days_many_are_told(shared_data: Path, ratio: float, least: int) -> None:
    whole, found = real(shared_data, "005930"), 0
    for at in range(400, 8_400, 200):
        found += 100 in [k for k, _ in breaks(split_at(whole.slice(at - 100, at + 20), 100, ratio), "XKRX")]
    assert found >= least  # of 40
