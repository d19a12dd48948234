"""Who reads what files of this machine hold: state that jobs keep, what others sent, what a person wrote."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pyjobs import live_loop, new_desk
from pyjobs.live import config as live_config
from pyjobs.live import health, kill_switch
from pyjobs.live.golive import check
from pyjobs.live.journal import last_sizes
from pyjobs.live.journal.place import Place
from pyjobs.machines import backup_record, environments, fetching
from pyjobs.market import exchanges
from pyjobs.market.bars import SeriesKey
from pyjobs.market.benchmarks.policy import load_policy
from pyjobs.market.desk import action_checks, corporate_actions, listings, universe_csv
from pyjobs.market.desk.desk_file import load_desk
from pyjobs.market.dumps import benchmark_file, changed
from pyjobs.market.ingest import backfill, instances, looks
from pyjobs.market.providers import krx_stock, webcache
from pyjobs.market.providers.asking import pace
from pyjobs.market.providers.asking.circuit_breaker import ProviderStates
from pyjobs.market.providers.base import BarRequest
from pyjobs.market.universe import action_file, reached, symbol_states
from pyjobs.market.universe.looking import looked
from pyjobs.report_watchlist import Watchlist
from pyjobs.reporting.run_files import read_run
from pyjobs.runs import pins, released
from pyjobs.runs.alerts import bell
from pyjobs.runs.job_history import load_job_plans
from pyjobs.runs.nights import session, signal_queue, steps
from pyjobs.runs.verdict import backups, holders, records, repos
from pyjobs.scanning import news
from tests.one_by_one.support.market_table import DESK, LISTING, NOON_MS, store_of
from utils import trading_day
from utils.files import formats
from utils.settings import credentials
from utils.settings.config import load_yaml

PLACE = Place(tag="t", symbol="BTC/USD", timeframe="5m")
KEY = SeriesKey(exchange="T", symbol="A", timeframe="1d")
DAY = dt.date(2026, 11, 20)
ASKED = BarRequest(symbol="A", timeframe="1d", market="XKRX", start_ms=1, end_ms=NOON_MS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """`read` reads the file at `path` below a home, `good` as it should be. `also`: what its callers catch."""

    path: str
    good: str
    kind: str
    read: Callable[[Path], object]
    also: tuple[type[Exception], ...] = ()


def desk_of(home: Path) -> object:
    return load_desk(home / "desk.yaml")


def listed(_: Path) -> object:
    return listings.read_listing("T", DAY).rows


def status(_: Path) -> object:
    known = live_loop._known()
    live_loop._has_spoken(known)
    return [f"{name} {loop.timeframe} {loop.ok_s or 0.0:.0f} {loop.said}" for name, loop in known.loops.items()]


SESSION = '{"instruments": [{"exchange": "T", "symbol": "A", "timeframe": "1d", "last_session": "2026-11-19"}]}'
SIGNAL = (
    '{"signals": [{"exchange": "T", "symbol": "A", "timeframe": "1d", "setup": "x", "ts_ms": 1, "session": '
    '"2026-11-20", "side": "long", "close": 1.5, "stop": null, "why": "y"}]}'
)
METRICS = (
    '{"currency": "KRW", "cash": 1.0, "total_return": 0.1, "notes": ["n"], "left_out": [{"symbol": "A"}], '
    '"conventions": {"a": "b"}}'
)
CURVE = "session,ts_ms,equity,cash,exposure,n_positions\n2026-11-19,1,100,100,0,0\n2026-11-20,2,101,100,0.5,1\n"
RELEASE = '{"tag": "v1", "commit": "c", "committed_s": 1, "reads_format": 1, "files": {"a": "b"}}'
STATE = '{"state": "silent", "since": "2026-11-20", "asked_ms": 1, "last": "", "sessions": 1, "tries": 2}'
RECORD = (
    '{"job":"a","instance":"","session":"2026-11-20","start":1,"end":2,"attempts":1,"code":0,"outcome":"ok",'
    '"log":"x"}\n'
)
LIVE = (
    "loops: {a: {exchange: BITFINEX, symbol: BTC/USD, timeframe: 5m, strategy: ma_cross, params: {fast: 20}}}\n"
    "limits: {notional: 5.5}\nclean_days: 3\n"
)
JOBS = 'jobs: {nightly: {market: XKRX, every: session, due: "23:30", skip_budget: 2}}\n'
EXCHANGE = "T: {provider: yahoo, market: XKRX, currency: KRW}\n"
POLICY = "order: [parquet]\nbenchmarks: {KOSPI: {kind: index, yf_index: ^KS11}}\n"
INSTANCE = "CT_EXCHANGE=T\nCT_SYMBOL=A\nCT_TIMEFRAME=1m\n"
CALENDAR = (
    "# market T\n# zone UTC\n# covers 2026-11-19 2026-11-20\n# offset 0 0\n"
    "2026-11-20\t1795132800\t1795156200\t09:00\t15:30\tregular\n# end 1 sessions\n"
)
LOOP = '{"pid": 1, "at_s": 1795176000.0, "loops": {"a": {"timeframe": "5m", "ok_s": 1795175000.0, "said": "x"}}}'
KEPT = '{"at_s": 5.0, "told": {"a": ["b"]}}'
ISINS = '{"005930": "KR7005930003"}'
BACKUP = '{"at_s": 1795000000.0, "snapshot": "x", "to": "y", "problems": [], "first_at_s": 1}'
WATCHED = "symbols: [A, B]\n"

ROWS: dict[str, Reader] = {
    "live/golive/check.py last_of": Reader(
        path="data/live/checks/t.json", good='{"at_s": 1.5, "rows": 2, "result": "PASS", "told": ["x"]}', kind="json",
        read=lambda _: check.last_of("t"),
    ),
    "live/journal/last_sizes.py kept": Reader(
        path=f"{PLACE.folder.relative_to(PLACE.folder.parents[4])}/{last_sizes.FILE}", good='{"a": 1}', kind="json",
        read=lambda _: (last_sizes.kept(PLACE), last_sizes.refuse_cut(PLACE)),
    ),
    "live/kill_switch.py state": Reader(
        path="data/live/KILL", good='{"reason": "x", "flatten": true, "at": "y"}', kind="json",
        read=lambda _: kill_switch.state().words,  # type: ignore[union-attr]
    ),
    "pyjobs/live_loop.py _known": Reader(path="data/live/loop.json", good=LOOP, kind="json", read=status),
    "runs/verdict/backups.py _read": Reader(
        path="data/backups.json", good=BACKUP, kind="json",
        read=lambda h: backups.check_backup(h / "data", 1_795_176_000).detail,
    ),
    "machines/backup_record.py _first_at_s": Reader(
        path="data/drill.json", good='{"at_s": 1795000000.0, "ok": true, "detail": "x", "first_at_s": 1}', kind="json",
        read=lambda h: (backup_record._first_at_s(h / "data/drill.json"), backups.check_backup(h / "data", 1.8e9)),
    ),
    "dumps/changed.py _read": Reader(
        path="data/universe/imports-d.json", good="{}", kind="json", read=lambda h: changed._read(desk_at(h))
    ),
    "ingest/backfill.py read_task": Reader(
        path="s/.backfill.json", good='{"start_ms": 1, "end_ms": 9, "next_ms": 5}', kind="json",
        read=lambda h: backfill.read_task(h / "s"),
    ),
    "ingest/looks.py load": Reader(
        path="data/raw/T/A/1d/.looks.json", good='{"looked": {"a": 1}, "lost": [[1, 2]], "told": ["x"]}', kind="json",
        read=lambda h: looks.load(store_of(h), KEY),
    ),
    "asking/circuit_breaker.py ProviderStates.read": Reader(
        path="data/providers/state/a.json", good='{"provider": "a", "failures": 2, "detail": "x"}', kind="json",
        read=lambda h: str(ProviderStates(h / "data/providers/state", locks=h / ".locks").read("a")),
    ),
    "asking/pace.py _read": Reader(
        path="p.json", good='{"times": [1.0, 2.0], "limit": 5, "learned_s": 1.0}', kind="json",
        read=lambda h: pace._read(h / "p.json"),
    ),
    "providers/krx_stock.py _isins": Reader(
        path="data/webcache/krx/isins_2026-11-20.json", good=ISINS, kind="json",
        read=lambda _: [f"{code.upper()} {isin.upper()}" for code, isin in krx_stock._isins(NOON_MS).items()],
    ),
    "providers/webcache.py load": Reader(
        path="data/webcache/yf/A/2026-11-20_t_1d.json",
        good='{"provider": "t", "symbol": "A", "fetched_at_ms": 1, "start_ms": 1, "last_ts_ms": 2, "rows": [[1]]}',
        kind="json", read=lambda _: webcache.load("t", ASKED, NOON_MS, revised_for_ms=0),
    ),
    "universe/looking/looked.py load": Reader(
        path="data/universe/T.boards.json", good='{"looked": {"one": "2026-11-20"}, "tried": {}}', kind="json",
        read=lambda _: looked.load("T"),
    ),
    "universe/reached.py load": Reader(
        path="data/universe/T.history.json", good='{"reached": {"2026-11-20": ["A"]}}', kind="json",
        read=lambda _: reached.load("T"),
    ),
    "universe/symbol_states.py _read": Reader(
        path="data/universe/T.json", good=f'{{"A:1d": {STATE}}}', kind="json", read=lambda _: symbol_states.load("T")
    ),
    "alerts/bell.py _read": Reader(
        path="data/alerts_told.json", good=KEPT, kind="json", read=lambda h: bell._read([h / "data"])
    ),
    "nights/session.py _last_sessions": Reader(
        path="fetch.json", good=SESSION, kind="json",
        read=lambda h: session._last_sessions(h / "fetch.json", session.Data),
    ),
    "nights/steps.py read_steps": Reader(
        path="run/logs/steps.json", good='{"steps": []}', kind="json", also=(ValueError,),
        read=lambda h: steps.read_steps(h / "run"),
    ),
    "nights/signal_queue.py read_signals": Reader(
        path="scan.json", good=SIGNAL, kind="json", read=lambda h: signal_queue.read_signals(h / "scan.json")
    ),
    "runs/released.py parse": Reader(
        path="release.json", good=RELEASE, kind="json", read=lambda h: str(released.read(h))
    ),
    "verdict/repos.py read": Reader(
        path="repos.lock", good=f"api\tapi\thttps://192.0.2.1/x\t{'0' * 40}\n", kind="lines", read=repos.read
    ),
    "scanning/news.py load": Reader(
        path="s.json", good='{"scanned_ms": 5, "signals": {}, "bars": {"a": {"close": 1.0}}}', kind="json",
        read=lambda h: news.load(h / "s.json", NOON_MS)[1],
    ),
    "run_files/accounts.py read_account": Reader(
        path="run/portfolio/a/constrained/metrics.json", good=METRICS, kind="json",
        read=lambda h: read_run.read_run(h / "run"),
    ),
    "run_files/accounts.py _curve": Reader(
        path="run/portfolio/a/constrained/equity_curve.csv", good=CURVE, kind="csv",
        read=lambda h: read_run.read_run(h / "run"),
    ),
    "desk/corporate_actions.py read_actions": Reader(
        path="a.csv", good="symbol,session,action,ratio,note\nA,2018-05-04,split,50:1,x\nA,2019-05-04,dividend,1.85,\n",
        kind="csv", read=lambda h: corporate_actions.read_actions(h / "a.csv"),
    ),
    "desk/action_checks.py _rows": Reader(
        path="dumps/corporate_actions.csv", good="symbol,session,action,ratio,note\nA,2018-05-04,split,50:1,x\n",
        kind="csv", read=lambda h: list(action_checks._rows(h / "dumps/corporate_actions.csv")),
    ),
    "desk/listings.py read_listing": Reader(
        path="data/listings/T/2026-11-20.csv", good=LISTING.replace("{0}", "A"), kind="csv", read=listed
    ),
    "desk/universe_csv.py read_universe": Reader(
        path="u.csv", good="symbol,name,lot\nA,x,1\nB,y,2\n", kind="csv",
        read=lambda h: list(universe_csv.read_universe(h / "u.csv")),
    ),
    "dumps/benchmark_file.py plain_closes": Reader(
        path="SPY.csv", good="date,close\n2026-11-19,100.5\n2026-11-20,101\n", kind="csv",
        read=lambda h: benchmark_file.plain_closes(h / "SPY.csv"),
    ),
    "universe/action_file.py _read": Reader(
        path="data/actions/T.csv", good="symbol,session,action,ratio,source\nA,2018-05-04,split,50:1,base\n",
        kind="csv", read=lambda _: action_file._read("T"),
    ),
    "ingest/instances.py values_in": Reader(
        path="config/instances/T-A-1m.env", good=INSTANCE, kind="names", read=lambda _: instances.load_all({})
    ),
    "settings/credentials.py read": Reader(
        path="secret/.env", good="KRX_ID=somebody\nexport KRX_PW='a secret'\n", kind="names",
        read=lambda h: [credentials.read(h / "secret/.env"), credentials.for_provider("KRX_PW")],
    ),
    "machines/environments.py _dotenv": Reader(
        path="e/.env", good="COMPOSE_PROJECT_NAME=nightdesk-prod\nNIGHTDESK_PORT=8080\n", kind="names",
        read=lambda h: ((h / "e/releases").mkdir(exist_ok=True), environments.load(h / "e")),
    ),
    "machines/fetching.py pruned_before": Reader(
        path="r/_meta/pruned.txt", good="20261120T131000Z-0003\n", kind="lines",
        read=lambda h: fetching.pruned_before(h / "r"),
    ),
    "runs/pins.py read": Reader(
        path="run/PINNED", good="reason: x\nuntil: 2027-03-31\n", kind="lines", read=lambda h: pins.read(h / "run")
    ),
    "verdict/holders.py _written": Reader(
        path=".locks/a.holder", good="99999999\t1795176000\tx y\n", kind="lines",
        read=lambda h: [each.command.isprintable() or 1 / 0 for each in holders.left_behind(h / ".locks")],
    ),
    "utils/history.py _records": Reader(
        path="logs/history.jsonl", good=RECORD, kind="json", read=lambda h: records.read(h / "logs", 1.8e9)
    ),
    "utils/trading_day.py Calendar._parse": Reader(
        path="cal/T.tsv", good=CALENDAR, kind="lines", read=lambda h: trading_day.load("T", h / "cal").sessions()
    ),
    "files/formats.py number": Reader(
        path="data/format", good="1\n", kind="lines", read=lambda h: (formats.stored(str(h)), formats.settled(str(h)))
    ),
    "market/desk/desk_file.py load_desk": Reader(path="desk.yaml", good=DESK, kind="yaml", read=desk_of),
    "live/config.py load": Reader(
        path="secret/live.yaml", good=LIVE, kind="yaml", read=lambda _: (live_config.load(), list(health.look(NOON_MS)))
    ),
    "runs/job_history.py load_job_plans": Reader(
        path="jobs.yaml", good=JOBS, kind="yaml", read=lambda h: load_job_plans(h / "jobs.yaml")
    ),
    "market/exchanges.py load_exchanges": Reader(
        path="x.yaml", good=EXCHANGE, kind="yaml", read=lambda h: exchanges.load_exchanges(h / "x.yaml")
    ),
    "benchmarks/policy.py load_policy": Reader(
        path="p.yaml", good=POLICY, kind="yaml", read=lambda h: load_policy(h / "p.yaml")
    ),
    "pyjobs/report_watchlist.py main": Reader(
        path="w.yaml", good=WATCHED, kind="yaml", read=lambda h: load_yaml(h / "w.yaml", Watchlist)
    ),
    "settings/dialogue.py Dialogue.__init__": Reader(
        path="data/new_desk.json", good='{"a": "b"}', kind="json",
        read=lambda h: new_desk.Dialogue(h / "data/new_desk.json", terminal=False),
    ),
}  # fmt: skip


def desk_at(home: Path) -> object:
    (home / "desk.yaml").write_text(DESK)
    return load_desk(home / "desk.yaml")
