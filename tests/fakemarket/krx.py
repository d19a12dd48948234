"""KRX's statistics site as pykrx reads it, and Naver's chart XML, where it gets adjusted prices.

Nothing is told to who is not logged in (HTTP 400, body `LOGOUT`); a login lasts an hour of simulated time. The day of
a session is there from ten minutes after its close, or from `shares.publish` (local time) on. Of a day that is no
session a board has rows full of dashes, of one that is not there yet none, as outside.
"""

from __future__ import annotations

import datetime as dt

from tests.fakemarket.bars import Bars, date_of, day_ms
from tests.fakemarket.krx_shares import Row, Shares, universe_rows
from tests.fakemarket.market import Market
from tests.fakemarket.universe import INSTRUMENTS, Instrument, by_name
from tests.fakemarket.wire import Reply, Request, html_reply, json_reply, replaced, text_reply
from utils import trading_day

DATA = "/comm/bldAttendant/getJsonData.cmd"
LOGIN_PAGES = ("/contents/MDC/COMS/client/MDCCOMS001.cmd", "/contents/MDC/COMS/client/view/login.jsp")
LOGIN = "/contents/MDC/COMS/client/MDCCOMS001D1.cmd"
SESSION_S = 3600
MESSAGES = {
    "CD001": "정상",
    "CD002": "아이디 또는 비밀번호가 일치하지 않습니다.",
    "CD010": "비밀번호 변경 후 3개월이 경과하였습니다. 비밀번호를 변경하시기 바랍니다.",
    "CD011": "이미 로그인된 사용자가 있습니다.",
}
INDEX_GROUPS = {"01": "5", "02": "1", "03": "2", "04": "6"}


class Krx:
    """Anybody may log in unless `user` or `password` is set; `login_code` ends every login with that code instead."""

    name = "krx"
    hosts = ("data.krx.co.kr",)
    paths = ("/comm/bldAttendant/", "/contents/MDC/")
    null_bars = b'{"output":null,"CURRENT_DATETIME":"2026.11.20 PM 05:00:00"}'

    def __init__(self) -> None:
        self.shares = Shares()
        self.reset()

    def reset(self) -> None:
        self.shares.reset()
        self.user = self.password = ""
        self.login_code = ""
        self.sessions: dict[str, int] = {}
        self._issued = 0

    def log_everybody_out(self) -> None:
        self.sessions.clear()

    def answer(self, request: Request, market: Market) -> Reply:
        if request.path in LOGIN_PAGES:
            reply = html_reply("KRX 정보데이터시스템")
            if "JSESSIONID" not in request.cookies:
                self._issued += 1
                reply.headers["Set-Cookie"] = f"JSESSIONID=fake{self._issued:04d}; Path=/; Secure; HttpOnly"
            return reply
        if request.path == LOGIN:
            return self._login(request)
        if request.path != DATA:
            return html_reply("요청하신 페이지를 찾을 수 없습니다.", 404)
        if self.sessions.get(request.cookies.get("JSESSIONID", ""), 0) <= request.now_ms:
            return logged_out()
        return self.data(request, market)

    def data(self, request: Request, market: Market) -> Reply:
        """One statistics call, named by its `bld`."""
        bld = request.params.get("bld", "").rpartition("/")[2]
        if bld == "MDCSTAT01501":
            day = dt.datetime.strptime(request.params["trdDd"], "%Y%m%d").date()  # noqa: DTZ007 - a date
            rows = board_rows(self.shares, request.params["mktId"], day, request.now_ms, market)
            return json_reply({"OutBlock_1": rows, "CURRENT_DATETIME": "2026.11.20 PM 05:00:00"})
        if bld == "MDCSTAT01701":
            return output(self._history(request, market))
        if bld in ("finder_stkisu", "finder_listdelisu"):
            return json_reply({"block1": stock_names(self.shares, bld == "finder_stkisu", request.now_ms)})
        return data(request, market, self.shares)

    def _history(self, request: Request, market: Market) -> list[dict[str, str]]:
        isin = request.params.get("isuCd", "")
        share = next((one for one in self.shares.all.values() if one.isin == isin), None)
        if share is None or request.params.get("adjStkPrc") == "2":
            return stock_rows(by_name("isin", isin), request, market, self.shares)
        rows = self.shares.history(share, *asked_days(request))
        return [history_row(row) for row in rows if is_there(self.shares, row.day, request.now_ms)][::-1]

    def rename(self, body: bytes) -> bytes:
        return replaced(body, (b"CLSPRC", b"CLOSE_PRC"), (b'"output"', b'"outBlock"'), (b"TRD_DD", b"TRADE_DATE"),
                        (b"OutBlock_1", b"outBlock1"))  # fmt: skip

    def failure(self, status: int, _variant: str) -> Reply:
        return logged_out() if status == 401 else html_reply(f"{status} - KRX 정보데이터시스템", status)

    def _login(self, request: Request) -> Reply:
        code = self.login_code
        if not code:
            given = (request.params.get("mbrId", ""), request.params.get("pw", ""))
            right = (self.user or given[0], self.password or given[1])
            code = "CD001" if given == right and all(given) else "CD002"
        if code == "CD011" and request.params.get("skipDup") == "Y":
            code = "CD001"
        if code == "CD001":
            self.sessions[request.cookies.get("JSESSIONID", "")] = request.now_ms + SESSION_S * 1000
        return json_reply({"_error_code": code, "_error_message": MESSAGES.get(code, "오류"), "MBR_NO": "0"})


class Naver:
    name = "naver"
    hosts = ("fchart.stock.naver.com",)
    paths = ("/sise.nhn",)
    null_bars = b'<?xml version="1.0" encoding="EUC-KR" ?><protocol></protocol>'

    def reset(self) -> None:
        """Nothing is remembered."""

    def answer(self, request: Request, market: Market) -> Reply:
        if request.path != "/sise.nhn":
            return html_reply("페이지를 찾을 수 없습니다", 404)
        one = by_name("krx_stock", request.params.get("symbol", ""))
        count = int(request.params.get("count") or 0)
        return Reply(body=chart_xml(one, count, request, market), kind="text/xml;charset=EUC-KR")

    def rename(self, body: bytes) -> bytes:
        return replaced(body, (b"<item ", b"<row "))

    def failure(self, status: int, _variant: str) -> Reply:
        return html_reply("일시적으로 서비스를 이용할 수 없습니다", status)


def data(request: Request, market: Market, shares: Shares) -> Reply:
    """What is not about shares."""
    bld = request.params.get("bld", "").rpartition("/")[2]
    if bld == "MDCSTAT00301":
        one = by_name("krx_index", request.params.get("indIdx", "") + request.params.get("indIdx2", ""))
        rows = index_rows(one, request, market)
        return output([row for row in rows if is_there(shares, day_of(row), request.now_ms)])
    if bld == "MDCSTAT00401":
        return output(index_names(request.params.get("idxIndMidclssCd", "")))
    return html_reply("잘못된 요청입니다", 400)


def output(rows: list[dict[str, str]]) -> Reply:
    return json_reply({"output": rows, "CURRENT_DATETIME": "2026.11.20 PM 05:00:00"})


def asked_bars(one: Instrument | None, request: Request, market: Market, *, as_traded: bool = False) -> Bars | None:
    """The sessions `strtDd..endDd` (YYYYMMDD), or None for what KRX does not list."""
    return None if one is None else market.daily(one, *asked_days(request), as_traded=as_traded)


def asked_days(request: Request) -> tuple[dt.date, dt.date]:
    """First and last day asked for."""
    first, last = (dt.datetime.strptime(request.params[name], "%Y%m%d").date() for name in ("strtDd", "endDd"))  # noqa: DTZ007 - a date
    return first, last


def day_of(row: dict[str, str]) -> dt.date:
    return dt.date.fromisoformat(row["TRD_DD"].replace("/", "-"))


def is_there(shares: Shares, day: dt.date, now_ms: int) -> bool:
    """Whether the day of a session has been published."""
    return day not in shares.closed and shares.published(trading_day.load("XKRX").session(day), now_ms)


def board_rows(shares: Shares, board: str, day: dt.date, now_ms: int, market: Market) -> list[dict[str, str]]:
    """All shares of a board (STK, KSQ, KNX or ALL) on a day."""
    calendar = trading_day.load("XKRX")
    past = [one for one in calendar.sessions() if one.date <= day and one.date not in shares.closed]
    if not past or (past[-1].date == day and not shares.published(past[-1], now_ms)):
        return []
    found = shares.board(board, past[-1].date, market)
    if past[-1].date == day:
        return [board_row(code, name, where, row) for code, name, where, row in found]
    if past[-1].close_utc_s * 1000 + 86_400_000 * (day - past[-1].date).days > now_ms:
        return []
    dashes = dict.fromkeys(("TDD_CLSPRC", "CMPPREVDD_PRC", "FLUC_RT", "TDD_OPNPRC", "TDD_HGPRC", "TDD_LWPRC",
                            "ACC_TRDVOL", "ACC_TRDVAL", "MKTCAP"), "-")  # fmt: skip
    return [board_row(code, name, where, row) | dashes | {"FLUC_TP_CD": ""} for code, name, where, row in found]


def board_row(code: str, name: str, board: str, row: Row) -> dict[str, str]:
    """One share, as MDCSTAT01501 has it."""
    names = {"STK": "KOSPI", "KSQ": "KOSDAQ", "KNX": "KONEX"}
    return {
        "ISU_SRT_CD": code, "ISU_CD": "", "ISU_ABBRV": name, "MKT_NM": names[board], "SECT_TP_NM": "",
        **row_fields(row), "MKT_ID": board,
    }  # fmt: skip


def history_row(row: Row) -> dict[str, str]:
    """One session of a share, as MDCSTAT01701 has it."""
    return {"TRD_DD": f"{row.day:%Y/%m/%d}", **row_fields(row)}


def row_fields(row: Row) -> dict[str, str]:
    """The figures both have in common; the change is exact in won, its rate rounded."""
    direction = "1" if row.change > 0 else "2" if row.change < 0 else "3"
    return {
        "TDD_CLSPRC": f"{row.close:,}", "FLUC_TP_CD": direction, "CMPPREVDD_PRC": f"{row.change:,}",
        "FLUC_RT": f"{row.change / row.base * 100:.2f}", "TDD_OPNPRC": f"{row.open:,}", "TDD_HGPRC": f"{row.high:,}",
        "TDD_LWPRC": f"{row.low:,}", "ACC_TRDVOL": f"{row.volume:,}", "ACC_TRDVAL": f"{row.volume * row.close:,}",
        "MKTCAP": f"{row.close * row.count:,}", "LIST_SHRS": f"{row.count:,}",
    }  # fmt: skip


def index_rows(one: Instrument | None, request: Request, market: Market) -> list[dict[str, str]]:
    bars = asked_bars(one, request, market)
    if one is None or bars is None:
        return []
    rows = []
    for day, (opened, high, low, close), volume in columns(one, bars, market):
        rows.append({
            "TRD_DD": f"{day:%Y/%m/%d}", "CLSPRC_IDX": f"{close:,.2f}", "FLUC_TP_CD": "1", "PRV_DD_CMPR": "0.00",
            "UPDN_RATE": "0.00", "OPNPRC_IDX": f"{opened:,.2f}", "HGPRC_IDX": f"{high:,.2f}",
            "LWPRC_IDX": f"{low:,.2f}",
            "ACC_TRDVOL": f"{volume:,.0f}", "ACC_TRDVAL": f"{volume * 10_000:,.0f}", "MKTCAP": f"{close * 1e12:,.0f}",
        })  # fmt: skip
    return rows[::-1]


def stock_rows(one: Instrument | None, request: Request, market: Market, shares: Shares) -> list[dict[str, str]]:
    """Newest first; a halted session has a close and zeros."""
    if one is None:
        return []
    first, last = asked_days(request)
    if request.params.get("adjStkPrc") != "2":
        rows = universe_rows(one, first, last, market, shares.closed)
        return [history_row(row) for row in rows if is_there(shares, row.day, request.now_ms)][::-1]
    found = []
    bars = market.daily(one, first, last)
    for (day, prices, volume), traded in zip(columns(one, bars, market), bars.traded, strict=True):
        if is_there(shares, day, request.now_ms):
            opened, high, low = (int(price) for price in (prices[:3] if traded else (0, 0, 0)))
            close = int(prices[3])
            found.append(
                Row(day=day, open=opened, high=high, low=low, close=close, base=close, volume=int(volume), count=0)
            )
    return [history_row(row) for row in found][::-1]


def columns(one: Instrument, bars: Bars, market: Market) -> list[tuple[dt.date, list[float], float]]:
    days = [date_of(int(at)) for at in market.dates_ms(one, bars)]
    return list(zip(days, bars.ohlc.tolist(), bars.volume.tolist(), strict=True))


def index_names(group: str) -> list[dict[str, str]]:
    """The indices of a group; the groups that have none here hold one that has no prices, as pykrx joins all four."""
    code = INDEX_GROUPS.get(group, "")
    found = [(one.krx_index[1:], one.name) for one in INSTRUMENTS if one.krx_index.startswith(code) and one.krx_index]
    return [
        {"IDX_NM": name, "IDX_ENG_NM": name, "BAS_TM_CONTN": "1980.01.04", "ANNC_TM_CONTN": "1983.01.04",
         "BAS_IDX_CONTN": "100.00", "IND_TP_CD": code, "IDX_IND_CD": number}
        for number, name in found or [("300", f"KRX {group}")]
    ]  # fmt: skip


def stock_names(shares: Shares, listed: bool, now_ms: int) -> list[dict[str, str]]:
    """What the finder lists: the shares of today, or those that are gone."""
    today = date_of(now_ms + 9 * 3_600_000)
    found = [(one.isin, one.krx_stock, one.name, "STK") for one in INSTRUMENTS if one.krx_stock] if listed else []
    for one in shares.all.values():
        gone = one.gone is not None and one.gone <= today
        if one.listed <= today and gone != listed:
            found.append((one.isin, one.code, one.name_on(today), one.board))
    return [finder_row(*each) for each in found]


def finder_row(isin: str, code: str, name: str, board: str) -> dict[str, str]:
    words = {"STK": "유가증권", "KSQ": "코스닥", "KNX": "코넥스"}
    names = {"STK": "KOSPI", "KSQ": "KOSDAQ", "KNX": "KONEX"}
    return {
        "full_code": isin, "short_code": code, "codeName": name, "marketCode": board, "marketName": words[board],
        "marketEngName": names[board], "ord1": "", "ord2": "16",
    }  # fmt: skip


def chart_xml(one: Instrument | None, count: int, request: Request, market: Market) -> bytes:
    """The last `count` sessions, split-adjusted, oldest first, in EUC-KR."""
    items: list[str] = []
    if one is not None:
        today = date_of(request.now_ms + 9 * 3_600_000)
        bars = market.daily(one, max(one.listed, date_of(day_ms(today) - 2 * count * 86_400_000)), today)
        for (day, prices, volume), traded in list(zip(columns(one, bars, market), bars.traded, strict=True))[-count:]:
            shown = prices if traded else [0, 0, 0, prices[3]]
            items.append(f'<item data="{day:%Y%m%d}|{"|".join(f"{price:.0f}" for price in shown)}|{volume:.0f}" />')
    code, name = (one.krx_stock, one.name) if one else ("", "")
    head = '<?xml version="1.0" encoding="EUC-KR" ?>\n<protocol>\n'
    head += f'<chartdata symbol="{code}" name="{name}" count="{count}" timeframe="day" precision="0">\n'
    return (head + "\n".join(items) + "\n</chartdata>\n</protocol>\n").encode("euc-kr")


def logged_out() -> Reply:
    return text_reply("LOGOUT", 400)
