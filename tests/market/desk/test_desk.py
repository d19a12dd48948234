"""The desk file: the shipped ones load, and every mistake is named with its line."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import msgspec
import pytest

from pyjobs.market.bars import SeriesKey
from pyjobs.market.desk.desk_file import Account, Desk, Instrument, desk_path, last_bar_session, load_desk
from pyjobs.market.desk.price_formats import PLAIN
from utils.errors import ConfigError

ROOT = Path(__file__).resolve().parents[3]
GOOD = """\
name: mine
market: XKRX
dumps: data/dumps
accounts:
  krw: {currency: KRW, cash: 1000, max_positions: 2, max_weight: 0.5}
instruments:
  - {symbol: "005930", exchange: KRX, market: XKRX, timeframe: 1d, file: a.csv, currency: KRW}
  - {symbol: BTCUSD, exchange: BFX, market: 24/7, timeframe: 1h, file: b.json, currency: USD, role: watch}
setups:
  ma_cross: {fast: 20, slow: 60}
"""


def load(tmp_path: Path, text: str) -> str:
    path = tmp_path / "desk.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_desk(path)
    assert caught.value.exit_code == 78
    return str(caught.value).replace(str(path), "desk.yaml")


def test_a_good_desk_loads(tmp_path: Path) -> None:
    path = tmp_path / "desk.yaml"
    path.write_text(GOOD, encoding="utf-8")
    desk = load_desk(path)
    assert [i.key for i in desk.instruments] == [
        SeriesKey(exchange="KRX", symbol="005930", timeframe="1d"),
        SeriesKey(exchange="BFX", symbol="BTCUSD", timeframe="1h"),
    ]
    assert desk.accounts["krw"].max_weight == 0.5
    assert desk.setups == {"ma_cross": {"fast": 20, "slow": 60}}


@pytest.mark.parametrize("name", ["desk.sample.yaml", "desk.dumps.example.yaml"])
def test_the_shipped_desks_load(name: str) -> None:
    desk = load_desk(ROOT / "config" / name)
    assert set(desk.setups) == {"ma_cross", "breakout_20", "pullback_ma200"}
    assert set(desk.accounts) == {"krw", "usd"}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("name: mine", "name: ../x", "desk.yaml:1: name: '../x' cannot name a file"),
        ("market: XKRX\n", "market: XWBO\n", "desk.yaml:2: market: unknown market 'XWBO' (known: 24/7, CMES, FX"),
        ("market: 24/7", "market: 24-7", "desk.yaml:8: instruments[1].market: unknown market '24-7'"),
        ("timeframe: 1h", "timeframe: 2h", "desk.yaml:8: instruments[1].timeframe: unknown timeframe '2h'"),
        ("role: watch", "role: look", "desk.yaml:8: instruments[1].role: no such value (is 'look')"),
        ("role: watch", "layout: ohcl", "desk.yaml:8: instruments[1].layout: unknown layout 'ohcl'"),
        ("role: watch", "start: 2018-1-1", "desk.yaml:8: instruments[1].start: '2018-1-1' is not a date"),
        ("role: watch", "prices: half", "desk.yaml:8: instruments[1].prices: no such value (is 'half')"),
        ("exchange: BFX", "exchange: B/X", "desk.yaml:8: instruments[1].exchange: 'B/X' is not a plain name"),
        ("file: b.json", "file: ''", "desk.yaml:8: instruments[1].file: no file is named"),
        ('"005930"', "005930", "desk.yaml: "),
        ('"005930"', "000660", "desk.yaml:7: instruments[0].symbol: wants text, not a whole number (is '000660')"),
        ("symbol: BTCUSD", "symbol: ''", "desk.yaml:8: instruments[1].symbol: the symbol is empty"),
        ("currency: KRW, cash", "currency: JPY, cash", "desk.yaml:5: accounts.krw.currency: no instrument"),
        ("cash: 1000", "cash: 0", "desk.yaml:5: accounts.krw.cash: must be more than 0, is 0"),
        ("max_positions: 2", "max_positions: 0", "desk.yaml:5: accounts.krw.max_positions: must be at least 1"),
        ("max_weight: 0.5", "max_weight: 20", "desk.yaml:5: accounts.krw.max_weight: is a fraction of equity"),
        ("max_weight: 0.5", "max_weight: 0.5, fee_bps: -1", "desk.yaml:5: accounts.krw.fee_bps: is in basis points"),
        ("max_weight: 0.5", "max_weight: 0.5, stop_loss: 8", "desk.yaml:5: accounts.krw.stop_loss: is a fraction"),
        ("max_weight: 0.5", "max_wieght: 0.5", "desk.yaml:5: accounts.krw"),
        ("setups:", "setup:", "desk.yaml:9: setup: no such key"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_key_and_value(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in GOOD
    if new == "005930":  # not octal (it has a 9), so YAML reads text: fine as it stands
        (tmp_path / "desk.yaml").write_text(GOOD.replace(old, new), encoding="utf-8")
        assert load_desk(tmp_path / "desk.yaml").instruments[0].symbol == "005930"
        return
    assert load(tmp_path, GOOD.replace(old, new)).startswith(expected)


def test_a_start_date_excludes_the_bar_that_closes_as_it_begins() -> None:
    always = Instrument(symbol="X", exchange="T", market="24/7", timeframe="1d", file="f", currency="USD")
    assert always.start_ms is None
    # date -u -d 2013-08-29 +%s is 1377734400: the daily bar of the 28th closes there, Seoul's 29th at 06:00
    assert msgspec.structs.replace(always, start="2013-08-29").start_ms == 1_377_734_400_001


def test_a_series_named_twice_is_refused(tmp_path: Path) -> None:
    row = next(line for line in GOOD.splitlines() if "005930" in line)
    message = load(tmp_path, GOOD.replace("setups:", f"{row}\nsetups:"))
    assert message == "desk.yaml:9: instruments[2].symbol: KRX:005930:1d is already instruments[0]"


def test_an_empty_universe_is_refused(tmp_path: Path) -> None:
    head, tail = GOOD.split("instruments:")[0], "setups: {}\n"
    assert load(tmp_path, head + "instruments: []\n" + tail) == (
        "desk.yaml:6: instruments: the universe is empty: name at least one instrument"
    )


def test_your_own_desk_wins_over_the_sample_and_a_named_one_over_both(tmp_path: Path) -> None:
    assert desk_path(None, tmp_path) == tmp_path / "desk.sample.yaml"
    (tmp_path / "desk.yaml").write_text("")
    assert desk_path(None, tmp_path) == tmp_path / "desk.yaml"
    assert desk_path("x.yaml", tmp_path) == Path("x.yaml")
    with pytest.raises(ConfigError, match="no desk 'a"):
        desk_path("a" * 300, tmp_path)  # longer than a file's name may be


def test_every_layout_a_desk_may_name_is_explained_where_dumps_are_read() -> None:
    import pyjobs.market.dumps.read_dump as dumps

    assert all(f"`{layout}`" in (dumps.__doc__ or "") for layout in PLAIN)


@pytest.mark.parametrize(
    ("last", "session"),
    [
        (["2018-02-14", "2018-01-25", "2018-01-25", "2018-01-25"], "2018-01-25"),
        (["2026-11-17", "2026-11-17", "2026-11-16"], "2026-11-17"),
        (["2026-11-17", "2010-03-02"], "2026-11-17"),
        (["2026-11-17"], "2026-11-17"),
        ([], None),
    ],
)
def test_the_last_bar_rule_goes_by_half_of_the_traded_instruments(last: list[str], session: str | None) -> None:
    account = Account(currency="KRW", cash=1.0, max_positions=1, max_weight=1.0)
    common = {"exchange": "X", "market": "XKRX", "timeframe": "1d", "file": "f", "currency": "KRW"}
    traded = [Instrument(symbol=f"S{n}", **common) for n in range(len(last))]
    index = Instrument(symbol="IDX", role="benchmark", **common)
    desk = Desk(name="d", market="XKRX", dumps=".", accounts={"a": account}, instruments=[*traded, index], setups={})
    dates = {i.key: dt.date.fromisoformat(day) for i, day in zip(traded, last, strict=True)}
    if traded:
        dates[index.key] = dt.date(2027, 1, 1)  # a benchmark that goes on decides nothing
    found = last_bar_session(desk, dates)
    assert found == (dt.date.fromisoformat(session) if session else None)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("max_weight: 0.5", "max_wieght: 0.5", "desk.yaml:5: accounts.krw.max_wieght: no such key (is '0.5'); "
         "known: currency, cash, "),
        ("max_weight: 0.5", "max_wieght: 0.5", "; did you mean 'max_weight'?"),
        ("role: watch", "prices: adj", "instruments[1].prices: no such value (is 'adj'); known: adjusted, "
         "raw, split; did you mean 'adjusted'?"),
        ("cash: 1000", "cash: 50,000", "desk.yaml:5: accounts.krw.cash: 50,000 is two things to YAML; write a number "
         "without commas: 50000"),
        ("cash: 1000", "cash: 1,000,000", "desk.yaml:5: key '000' is given twice (first on line 5); write a number "
         "without commas"),
        ("cash: 1000", "cash: '50,000'", "(is '50,000'): write a number without commas: 50000"),
        ("market: XKRX\n", "market: XKXR\n", "did you mean 'XKRX'?"),
        ("timeframe: 1h", "timeframe: 1H", "did you mean '1h'?"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_what_is_known_there_and_the_nearest_name(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    assert told in load(tmp_path, GOOD.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("ma_cross:", "ma_crss:", "desk.yaml:10: setups: unknown setup 'ma_crss'; known: "),
        ("ma_cross:", "ma_crss:", "; did you mean 'ma_cross'?"),
        ("fast: 20", "fats: 20", "desk.yaml:10: setups.ma_cross: unknown parameter 'fats'; known: fast, slow, "),
        ("fast: 20", "fats: 20", "; did you mean 'fast'?"),
        ("slow: 60", "slow: 6", "desk.yaml:10: setups.ma_cross: fast 20 must be less than slow 6"),
        ("slow: 60", "slow: many", "desk.yaml:10: setups.ma_cross.slow: 'many' is not a whole number"),
    ],
)
def test_a_setup_that_cannot_be_is_told_with_its_line_when_the_desk_is_read(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    from pyjobs.account.desk.desk_setups import check_setups

    path = tmp_path / "desk.yaml"
    path.write_text(GOOD.replace("ma_cross: {}", "ma_cross: {fast: 20, slow: 60}").replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        check_setups(load_desk(path).setups, source=str(path))
    assert told in str(caught.value).replace(str(path), "desk.yaml")
