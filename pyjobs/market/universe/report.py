"""reports/fetch.json of a run: what each exchange brought, where every series stands, and all that is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from pyjobs.market.desk.desk_file import Desk
from pyjobs.market.desk.snapshot import session_of
from pyjobs.market.times import utc_text
from pyjobs.market.universe.fetch_desk import Part, Result
from pyjobs.market.universe.verdict import due_session, has_session


def report(desk: Desk, result: Result, *, now_ms: int, network: bool) -> dict[str, object]:
    """The content of fetch.json. `network`: jobs may ask the network (ALLOW_NET_FETCH)."""
    return {
        "desk": desk.name,
        "asof_utc": utc_text(now_ms),
        "network": network,
        "partial": result.verdict.partial,
        "exchanges": [_exchange(part, result) for part in result.parts],
        "instruments": [entry for part in result.parts for entry in _instruments(part)],
        "missing": [asdict(each) for each in result.verdict.missing],
        "markets": {market: asdict(tally) for market, tally in result.verdict.tallies.items()},
    }


def _exchange(part: Part, result: Result) -> dict[str, object]:
    missing = [each for each in result.verdict.missing if each.exchange == part.exchange]
    sessions = sorted({due_session(one) for one in part.series})
    ages = [one.newest_ms for one in part.series if one.newest_ms is not None]
    return {
        "exchange": part.exchange,
        "market": part.series[0].want.exchange.market,
        "session": sessions[-1],
        "series": len(part.series),
        "asked": sum(bool(one.asked) for one in part.series),
        "questions": sum(one.asked for one in part.series),
        "new_bars": sum(one.new_bars for one in part.series),
        "up_to_date": sum(has_session(one) for one in part.series),
        "missing": len(missing),
        "rebased": [str(one.want.key) for one in part.series if one.rebased],
        "set_aside": part.set_aside,
        "oldest": utc_text(min(ages)) if ages else "",
        "newest": utc_text(max(ages)) if ages else "",
        "seconds": round(part.seconds, 2),
        **part.about,
    }


def _instruments(part: Part) -> list[Mapping[str, object]]:
    market = part.series[0].want.exchange.market
    dated = session_of(market)
    return [
        {
            "symbol": one.want.key.symbol,
            "exchange": one.want.key.exchange,
            "timeframe": one.want.key.timeframe,
            "last_session": dated(one.newest_ms).isoformat() if one.newest_ms is not None else None,
            "last_ts_ms": one.newest_ms,
            "new_bars": one.new_bars,
        }
        for one in part.series
    ]
