"""The calls to pykrx about shares. Only the worker imports this. Texts are passed on as KRX sends them.

pykrx's own functions of the same name would turn volumes into 32 bits and lose what is listed and the base price.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from pyjobs.market.providers.wire.http_answer import Fault, Stopped

BOARD_FIELDS = (
    "ISU_SRT_CD", "ISU_ABBRV", "MKT_ID", "TDD_OPNPRC", "TDD_HGPRC", "TDD_LWPRC", "TDD_CLSPRC", "ACC_TRDVOL",
    "ACC_TRDVAL", "CMPPREVDD_PRC", "FLUC_RT", "LIST_SHRS",
)  # fmt: skip
SHARE_FIELDS = (
    "TRD_DD", "TDD_OPNPRC", "TDD_HGPRC", "TDD_LWPRC", "TDD_CLSPRC", "ACC_TRDVOL", "ACC_TRDVAL", "CMPPREVDD_PRC",
    "FLUC_RT", "LIST_SHRS",
)  # fmt: skip
_CORE, _AUTH = "pykrx.website.krx.market.core", "pykrx.website.comm.auth"


_isins: dict[str, str] = {}
"""ISIN by code, once this process has asked for them."""


def board(question: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
    """All shares of `board` on `day` (YYYYMMDD): in `rows` one table, fields as in BOARD_FIELDS; it may be empty."""
    os.environ.update(secrets)
    core = import_module(_CORE)
    return {"rows": [_texts(_logged_in(core.전종목시세().fetch, question["day"], question["board"]), BOARD_FIELDS)]}


def share(question: Mapping[str, Any], secrets: Mapping[str, str]) -> dict[str, Any]:
    """One share's raw days, in `rows` one table, fields as in SHARE_FIELDS, newest first; `isins` when asked for now.

    `isin` is the share's when it is known already; else KRX is asked for the names of all shares, listed and gone.
    """
    os.environ.update(secrets)
    core = import_module(_CORE)
    symbol, isin, record = question["symbol"], question["isin"], {}
    if not isin and not _isins:
        _isins.update(_asked_isins(core))
        record = _isins
    isin = isin or _isins.get(symbol)
    if not isin:
        raise Stopped(Fault("no_data", f"KRX lists no share {symbol!r}, and listed none", retry_after_s=0.0))
    frame = _logged_in(core.개별종목시세().fetch, question["first"], question["last"], isin, 1)
    return {"rows": [_texts(frame, SHARE_FIELDS)], "isins": record}


def _asked_isins(core: Any) -> dict[str, str]:
    """ISIN by code. Where several had a code in turn, the first by ISIN is the share, as pykrx decides it."""
    found: dict[str, str] = {}
    for finder in (core.상폐종목검색, core.상장종목검색):
        frame = _logged_in(finder().fetch, "ALL")
        rows = [] if frame.empty else frame[["short_code", "full_code"]].values.tolist()
        found |= dict(sorted(map(tuple, rows), reverse=True))
    return found


def _logged_in(fetch: Callable[..., Any], *arguments: Any) -> Any:
    """What `fetch` returns; once more after another login when KRX has ended ours meanwhile."""
    try:
        return fetch(*arguments)
    except ValueError:  # 400 LOGOUT is no JSON (pykrx#276); other answers without JSON end the worker before
        import_module(_AUTH).set_auth_session(None)
        return fetch(*arguments)


def _texts(frame: Any, fields: tuple[str, ...]) -> list[list[str]]:
    rows: list[list[str]] = [] if frame.empty else frame[list(fields)].values.tolist()
    return rows
