"""The control endpoint, for who has no Python object to hold: plain JSON under /__control/ on the server's own port."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.fakemarket.faults import MEANING
from tests.fakemarket.krx_shares import Event
from tests.fakemarket.wire import Reply, json_reply

if TYPE_CHECKING:
    from tests.fakemarket.server import FakeMarket

PREFIX = "/__control/"


def answer(fake: FakeMarket, method: str, path: str, params: dict[str, str], body: bytes) -> Reply:
    """GET `requests`, `kinds`, `env`, `clock`; POST one of ACTIONS with a JSON object."""
    name = path.removeprefix(PREFIX)
    try:
        if method == "GET":
            return json_reply(_read(fake, name, params))
        given = json.loads(body or b"{}")
        return json_reply(ACTIONS[name](fake, given))
    except KeyError as missing:
        return json_reply({"error": f"unknown or missing: {missing}; POST one of {', '.join(ACTIONS)}"}, 404)
    except (TypeError, ValueError) as problem:
        return json_reply({"error": str(problem)}, 400)


def _read(fake: FakeMarket, name: str, params: dict[str, str]) -> object:
    if name == "requests":
        return [one.as_dict() for one in fake.requests(params.get("provider", ""), params.get("match", ""))]
    return {"kinds": MEANING, "env": fake.env(), "clock": {"now_ms": fake.clock.now_ms()}}[name]


def _fault(fake: FakeMarket, given: dict[str, Any]) -> object:
    fake.fault(**given)
    return {"faults": len(fake.script.faults)}


def _ban(fake: FakeMarket, given: dict[str, Any]) -> object:
    fake.ban(**given)
    return {"bans": len(fake.script.bans)}


def _clear(fake: FakeMarket, _: dict[str, Any]) -> object:
    fake.script.clear()
    return {"faults": 0, "bans": 0}


def _clock(fake: FakeMarket, given: dict[str, Any]) -> object:
    if "advance_s" in given:
        fake.clock.advance(float(given["advance_s"]))
    else:
        fake.clock.set(None if given["now_ms"] is None else int(given["now_ms"]))
    return {"now_ms": fake.clock.now_ms()}


def _revise(fake: FakeMarket, given: dict[str, Any]) -> object:
    fake.market.revise(str(given["symbol"]), int(given["start_ms"]), float(given["factor"]))
    return {}


def _halt(fake: FakeMarket, given: dict[str, Any]) -> object:
    fake.market.halt(str(given["symbol"]), int(given["start_ms"]), int(given["end_ms"]))
    return {}


def _split(fake: FakeMarket, given: dict[str, Any]) -> object:
    fake.market.split(str(given["symbol"]), dt.date.fromisoformat(given["session"]), float(given["ratio"]))
    return {}


def _dividend(fake: FakeMarket, given: dict[str, Any]) -> object:
    fake.market.dividend(str(given["symbol"]), dt.date.fromisoformat(given["session"]), float(given["amount"]))
    return {}


def _krx(fake: FakeMarket, given: dict[str, Any]) -> object:
    fake.krx.user, fake.krx.password = (
        str(given.get("user", fake.krx.user)),
        str(given.get("password", fake.krx.password)),
    )
    fake.krx.login_code = str(given.get("login_code", fake.krx.login_code))
    if given.get("log_out"):
        fake.krx.log_everybody_out()
    if "publish" in given:
        fake.krx.shares.publish = dt.time.fromisoformat(given["publish"]) if given["publish"] else None
    if "closed" in given:
        fake.krx.shares.closed.add(dt.date.fromisoformat(given["closed"]))
    return {"login_code": fake.krx.login_code, "publish": str(fake.krx.shares.publish or "")}


def _krx_share(fake: FakeMarket, given: dict[str, Any]) -> object:
    """Change what a made-up share is: dates as YYYY-MM-DD; an event's `shares` moves what is listed on its session."""
    share = fake.krx.shares.all[str(given["symbol"])]
    if "gone" in given:
        share.gone = dt.date.fromisoformat(given["gone"])
    if "listed" in given:
        share.listed = dt.date.fromisoformat(given["listed"])
    if "renamed" in given:
        share.renamed = (dt.date.fromisoformat(given["session"]), str(given["renamed"]))
    if "halt" in given:
        first, last = (dt.date.fromisoformat(day) for day in given["halt"])
        share.halts.append((first, last))
    if "ratio" in given:
        session = dt.date.fromisoformat(given["session"])
        share.events.append(Event(session=session, ratio=float(given["ratio"]), shares=float(given.get("shares", 1.0)),
                                  listed=session, halted=int(given.get("halted", 0))))  # fmt: skip
    return {"name": share.name, "board": share.board}


def _yahoo(fake: FakeMarket, _: dict[str, Any]) -> object:
    fake.yahoo.rotate_crumb()
    return {"crumb": fake.yahoo.crumb}


def _reset(fake: FakeMarket, _: dict[str, Any]) -> object:
    fake.reset()
    return {}


ACTIONS: dict[str, Callable[[FakeMarket, dict[str, Any]], object]] = {
    "fault": _fault, "ban": _ban, "clear": _clear, "clock": _clock, "revise": _revise, "halt": _halt, "split": _split,
    "dividend": _dividend, "krx": _krx, "krx_share": _krx_share, "yahoo": _yahoo, "reset": _reset,
}  # fmt: skip
