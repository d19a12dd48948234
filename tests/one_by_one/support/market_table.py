"""Every loop over series, desks, instances, dumps and what others keep, each with one bad thing among three."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pyjobs import take_data
from pyjobs.live import limits
from pyjobs.live.journal.place import Place
from pyjobs.machines import pushing
from pyjobs.market import desks
from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.market.benchmarks import closes
from pyjobs.market.checks import inspection
from pyjobs.market.desk import listings
from pyjobs.market.desk.desk_file import load_desk
from pyjobs.market.dumps.import_desk import import_desk
from pyjobs.market.dumps.reading.opened import files_of
from pyjobs.market.ingest import instances
from pyjobs.market.providers.asking.circuit_breaker import ProviderStates
from pyjobs.market.store.bar_store import BarStore
from pyjobs.runs.verdict import places, series
from pyjobs.strategy import registry
from tests.one_by_one.support.runs_table import files
from tests.one_by_one.support.spoiled import Loop
from utils import trading_day
from utils.errors import ConfigError

ROOT = Path(__file__).resolve().parents[3]
KEYS = [SeriesKey(exchange="T", symbol=name, timeframe="1d") for name in "ABC"]
NOON_MS = 1_795_176_000_000
GOOD = "2018-01-23,9,11,8,10,500\n2018-01-24,10,13,9,12,1000\n"
INSTRUMENT = "  - {{symbol: {0}, exchange: T, market: XKRX, timeframe: 1d, file: {0}.csv, currency: KRW}}\n"
DESK = "name: d\nmarket: XKRX\ndumps: dumps\naccounts: {}\nsetups: {}\ninstruments:\n" + "".join(
    INSTRUMENT.format(name) for name in "ABC"
)


def store_of(home: Path) -> BarStore:
    return BarStore(home / "data/raw", locks=home / ".locks")


def stored(home: Path) -> Path:
    """Three series of one partition; the partition of the middle one."""
    one = np.ones(1)
    for key in KEYS:
        bars = Bars(ts_ms=np.array([1_516_775_400_000]), open=one, high=one, low=one, close=one, volume=one)
        store_of(home).write(key, bars, provider="t", fetched_at_ms=1, adjusted="raw", last_final=True)
    return store_of(home).partitions(KEYS[1])[0]


def dumped(home: Path) -> Path:
    (home / "desk.yaml").write_text(DESK)
    return files("dumps", "A.csv", "B.csv", "C.csv", text=GOOD)(home)


def imported(home: Path) -> list[str]:
    done = import_desk(load_desk(home / "desk.yaml"), home / "dumps", store_of(home), now_ms=NOON_MS)
    return [each.instrument.symbol for each in done if each.error is None]


def inspected(home: Path) -> list[str]:
    return [
        key.symbol
        for key in KEYS
        if not any(flaw.what == "cannot be read" for flaw in inspection.inspect(
            store_of(home), key, "XKRX", now_ms=NOON_MS).flaws)
    ]  # fmt: skip


def configured(_: Path) -> list[str]:
    faults: dict[Path, ConfigError] = {}
    return [each.symbol for each in instances.load_all(faults)]


def broken(_: Path) -> list[str]:
    return [name for name in registry.own_names() if not registry.REGISTRY.broken(name)]


def listed(_: Path) -> list[str]:
    kept = []
    for session in listings.sessions_kept("T"):
        try:
            kept += [each.symbol for each in listings.read_listing("T", session).rows]
        except Exception as error:  # noqa: BLE001  # it is named; whatever it is, it must be an error of ours
            assert type(error).__module__ == "utils.errors", repr(error)
    return kept


def marketed(home: Path) -> list[str]:
    return [f"{each.name} {desks.market_of(each)}" for each in desks.named_desks(home / "config")]


ENTRY = "from pyjobs.strategy.library.ma_cross import ENTRY\n"
LISTING = ",".join(listings.COLUMNS) + "\n{0},name,board,1,1,1,\n"
INSTANCE = "CT_EXCHANGE=T\nCT_SYMBOL={0}\nCT_TIMEFRAME=1m\n"

MARKET_TABLE: dict[str, Loop] = {
    "dumps/import_desk.py import_desk": Loop(make=dumped, read=imported, others=frozenset("AC")),
    "dumps/reading/opened.py files_of": Loop(
        make=dumped,
        read=lambda h: [path.name for path in files_of(h / "dumps")],
        others=frozenset(("A.csv", "C.csv")),
    ),
    "store/bar_store.py series, a partition": Loop(
        make=stored, read=lambda h: [key.symbol for key in store_of(h).series()], others=frozenset("AC")
    ),
    "store/bar_store.py series, a symbol": Loop(
        make=lambda h: stored(h).parents[1],
        read=lambda h: [key.symbol for key in store_of(h).series()],
        others=frozenset("AC"),
    ),
    "store/bar_store.py series, an exchange": Loop(
        make=lambda h: (stored(h), (h / "data/raw/U").mkdir(), h / "data/raw/U")[2],
        read=lambda h: [key.symbol for key in store_of(h).series()],
        others=frozenset("ABC"),
    ),
    "checks/inspection.py inspect": Loop(make=stored, read=inspected, others=frozenset("AC")),
    "verdict/series.py check_all, a partition": Loop(
        make=stored,
        read=lambda h: [c.name for c in series.check_all([(key, "XKRX", "any") for key in KEYS], store_of(h), 1.8e9)],
        others=frozenset(f"data {key}" for key in KEYS),
    ),
    "verdict/series.py check_all, a symbol": Loop(
        make=lambda h: stored(h).parents[1],
        read=lambda h: [c.name for c in series.check_all([(key, "XKRX", "any") for key in KEYS], store_of(h), 1.8e9)],
        others=frozenset(f"data {key}" for key in KEYS),
    ),
    "machines/pushing.py lacking": Loop(
        make=stored,
        read=lambda h: [name.split("/")[1] for name in pushing.lacking(h / "data/raw", {}, "")],
        others=frozenset("AC"),
    ),
    "take_data.py _partitions": Loop(
        make=stored,
        read=lambda h: [name.split("/")[1] for name in take_data._partitions(h / "data/raw")],
        others=frozenset("AC"),
    ),
    "take_data.py _pushes": Loop(
        make=files("data/incoming", "a/manifest.json", "b/manifest.json", "c/manifest.json"),
        read=lambda _: [path.name for path in take_data._pushes("")],
        others=frozenset("ac"),
    ),
    "ingest/instances.py load_all": Loop(
        make=files("config/instances", "A.env", "B.env", "C.env", text=INSTANCE),
        read=configured,
        others=frozenset("AC"),
    ),
    "strategy/registry.py own_names": Loop(
        make=files("strategies", "aa.py", "bb.py", "cc.py", text=ENTRY), read=broken, others=frozenset(("aa", "cc"))
    ),
    "desk/listings.py sessions_kept": Loop(
        make=files("data/listings/T", "2026-11-18.csv", "2026-11-19.csv", "2026-11-20.csv", text=LISTING),
        read=listed,
        others=frozenset(("2026-11-18", "2026-11-20")),
    ),
    "market/desks.py named_desks": Loop(
        make=files("config/desks", "a.yaml", "b.yaml", "c.yaml", text="market: XNYS\n"),
        read=marketed,
        others=frozenset(("a XNYS", "c XNYS")),
    ),
    "asking/circuit_breaker.py all": Loop(
        make=files("s", "a.json", "b.json", "c.json", text='{"provider": "{0}"}'),
        read=lambda h: [each.provider for each in ProviderStates(h / "s", locks=h / ".locks").all()],
        others=frozenset("ac"),
    ),
    "benchmarks/closes.py _stored": Loop(
        make=lambda h: (stored(h), files("data/raw", "U/B/1d/2018.parquet", "V/B/1d/2018.parquet")(h))[1],
        read=lambda h: str(closes._stored("B", closes.Places(store=store_of(h), cache_dir=h, fetch={})) is not None),
        others=frozenset(("True",)),
    ),
    "utils/trading_day.py known_markets": Loop(
        make=files("cal", "XA.tsv", "XB.tsv", "XC.tsv"),
        read=lambda h: trading_day.known_markets(h / "cal"),
        others=frozenset(("XA", "XC")),
    ),
    "verdict/places.py check_databases": Loop(
        make=files("data/queue", "a.sqlite", "b.sqlite", "c.sqlite"),
        read=lambda h: [each.name for each in places.check_databases(h / "data/queue")],
        others=frozenset(("database a.sqlite", "database c.sqlite")),
    ),
    "live/limits.py others": Loop(
        make=files("data/processed/decisions/t", *(f"{name}/1m/bars.csv" for name in "ABC")),
        read=lambda _: [each.symbol for each in limits.others(Place(tag="t", symbol="X", timeframe="1m"), ())],
        others=frozenset("AC"),
    ),
}
