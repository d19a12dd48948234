"""KRX behind its login, and Naver's XML."""

from __future__ import annotations

import datetime as dt
import xml.etree.ElementTree as ET
from typing import Any

import requests

from tests.fakemarket import oracle
from tests.fakemarket.krx_shares import isin_of
from tests.fakemarket.server import FakeMarket

KRX_DATA = "https://data.krx.co.kr/comm/bldAttendant/getJsonData.cmd"
KRX_LOGIN = "https://data.krx.co.kr/contents/MDC/COMS/client/MDCCOMS001D1.cmd"


def login(session: requests.Session, user: str = "fake-user", password: str = "fake-password", **more: str) -> Any:
    session.get("https://data.krx.co.kr/contents/MDC/COMS/client/MDCCOMS001.cmd")
    return session.post(KRX_LOGIN, data={"mbrId": user, "pw": password, **more}).json()["_error_code"]


def kospi(session: requests.Session, first: str = "20261118", last: str = "20261120") -> requests.Response:
    form = {
        "bld": "dbms/MDC/STAT/standard/MDCSTAT00301",
        "indIdx": "1",
        "indIdx2": "001",
        "strtDd": first,
        "endDd": last,
    }
    return session.post(KRX_DATA, data=form)


def test_nothing_is_told_without_a_login(session: requests.Session) -> None:
    answer = kospi(session)
    assert (answer.status_code, answer.text) == (400, "LOGOUT")


def test_a_login_opens_the_index_newest_first_with_commas(session: requests.Session) -> None:
    assert login(session) == "CD001"
    rows = kospi(session).json()["output"]
    assert [row["TRD_DD"] for row in rows] == ["2026/11/20", "2026/11/19", "2026/11/18"]
    opened, high, low, close, _ = oracle.session_bar("KOSPI", dt.date(2026, 11, 18))
    got = [rows[2][name] for name in ("OPNPRC_IDX", "HGPRC_IDX", "LWPRC_IDX", "CLSPRC_IDX")]
    assert got == [f"{price:,.2f}" for price in (opened, high, low, close)]


def test_a_wrong_password_an_old_one_and_a_second_login_have_their_codes(
    fakemarket: FakeMarket, session: requests.Session
) -> None:
    assert login(session, password="") == "CD002"
    fakemarket.krx.password = "fake-password"
    assert login(session, password="wrong") == "CD002"
    assert login(session) == "CD001"
    fakemarket.krx.log_everybody_out()
    fakemarket.krx.login_code = "CD010"
    assert login(session) == "CD010"
    assert kospi(session).text == "LOGOUT"
    fakemarket.krx.login_code = "CD011"
    assert login(session) == "CD011"
    assert login(session, skipDup="Y") == "CD001"
    assert kospi(session).status_code == 200


def test_a_session_ends_after_an_hour_or_when_the_other_side_wants(
    fakemarket: FakeMarket, session: requests.Session
) -> None:
    login(session)
    fakemarket.clock.advance(3599)
    assert kospi(session).status_code == 200
    fakemarket.clock.advance(1)
    assert kospi(session).text == "LOGOUT"
    login(session)
    fakemarket.krx.log_everybody_out()
    assert kospi(session).text == "LOGOUT"


def test_a_failed_request_to_log_in_logs_nobody_in(fakemarket: FakeMarket, session: requests.Session) -> None:
    fakemarket.fault("krx", "503", match="MDCCOMS001D1", times=1)
    session.get("https://data.krx.co.kr/contents/MDC/COMS/client/MDCCOMS001.cmd")
    session.post(KRX_LOGIN, data={"mbrId": "fake-user", "pw": "fake-password"})
    assert kospi(session).text == "LOGOUT"


def test_the_password_and_the_user_are_not_in_the_record(fakemarket: FakeMarket, session: requests.Session) -> None:
    login(session)
    assert "fake-password" not in str(fakemarket.requests())
    assert "fake-user" not in str(fakemarket.requests())


def asked(session: requests.Session, bld: str, **form: str) -> Any:
    return session.post(KRX_DATA, data={"bld": bld, **form}).json()


def board(session: requests.Session, day: str, name: str = "STK") -> list[dict[str, str]]:
    rows = asked(session, "dbms/MDC/STAT/standard/MDCSTAT01501", trdDd=day, mktId=name)["OutBlock_1"]
    assert isinstance(rows, list)
    return rows


def won(text: str) -> int:
    return int(text.replace(",", ""))


def test_a_board_has_every_share_of_a_day_and_the_change_is_against_the_base(session: requests.Session) -> None:
    login(session)
    days = {name: board(session, "20261120", name) for name in ("STK", "KSQ", "KNX", "ALL")}
    counts = {name: len(rows) for name, rows in days.items()}
    assert counts["STK"] + counts["KSQ"] > 2_690 and counts["ALL"] == sum(counts.values()) - counts["ALL"]
    assert {row["MKT_ID"] for row in days["STK"]} == {"STK"}
    before = {row["ISU_SRT_CD"]: won(row["TDD_CLSPRC"]) for row in board(session, "20261119")}
    base = {row["ISU_SRT_CD"]: won(row["TDD_CLSPRC"]) - won(row["CMPPREVDD_PRC"]) for row in days["STK"]}
    moved = [code for code in base if code in before and base[code] != before[code]]
    assert len(moved) < 5


def test_a_split_moves_base_and_shares_and_halts_before_it(fakemarket: FakeMarket, session: requests.Session) -> None:
    login(session)
    share = fakemarket.krx.shares.all["200040"]
    split = share.events[0]
    assert (split.ratio, split.shares, split.halted) == (0.2, 5, 3)
    first = f"{split.session - dt.timedelta(days=10):%Y%m%d}"
    rows = asked(
        session, "dbms/MDC/STAT/standard/MDCSTAT01701", isuCd=share.isin, strtDd=first, endDd=f"{split.session:%Y%m%d}",
        adjStkPrc="1",
    )["output"]  # fmt: skip
    day, *halted = rows[:4]
    assert [row["TDD_OPNPRC"] for row in halted] == ["0"] * 3
    assert won(day["LIST_SHRS"]) == 5 * won(halted[0]["LIST_SHRS"])
    base, close = won(day["TDD_CLSPRC"]) - won(day["CMPPREVDD_PRC"]), won(halted[0]["TDD_CLSPRC"])
    assert abs(base - close / 5) < 100


def test_a_day_is_there_from_its_time_on_and_a_holiday_is_dashes(
    fakemarket: FakeMarket, session: requests.Session
) -> None:
    login(session)
    fakemarket.krx.shares.publish = dt.time(18, 30)
    at_half_past_six = dt.datetime(2026, 11, 20, 9, 30, tzinfo=dt.UTC)
    fakemarket.clock.set(int(at_half_past_six.timestamp()) * 1000 - 1)
    assert board(session, "20261120") == [] and len(board(session, "20261119")) > 900
    assert kospi(session).json()["output"][0]["TRD_DD"] == "2026/11/19"
    fakemarket.clock.advance(1)
    assert len(board(session, "20261120")) > 900
    assert {row["TDD_CLSPRC"] for row in board(session, "20260101")} == {"-"}
    assert board(session, "20261123") == []


def test_the_finders_know_what_is_listed_and_what_is_gone(session: requests.Session) -> None:
    login(session)
    listed = {row["short_code"]: row for row in asked(session, "dbms/comm/finder/finder_stkisu")["block1"]}
    gone = {row["short_code"]: row for row in asked(session, "dbms/comm/finder/finder_listdelisu")["block1"]}
    assert len(listed) > 2_700 and len(gone) >= 50 and not set(listed) & set(gone)
    assert listed["005930"]["full_code"] == "KR7005930003"


def test_the_check_digit_of_an_isin_is_the_published_one() -> None:
    known = {"005930": "KR7005930003", "000660": "KR7000660001", "060310": "KR7060310000", "095570": "KR7095570008"}
    assert {code: isin_of(code) for code in known} == known


def test_naver_is_euc_kr_and_split_adjusted(session: requests.Session) -> None:
    answer = session.get("http://fchart.stock.naver.com/sise.nhn", params={"symbol": "005930", "count": "3"})
    assert 'name="삼성전자"' in answer.content.decode("euc-kr")
    items = [
        node.get("data", "").split("|")
        for node in ET.fromstring(answer.content.decode("euc-kr").partition("?>")[2]).iter("item")
    ]
    assert [item[0] for item in items] == ["20261118", "20261119", "20261120"]
    assert [float(text) for text in items[1][1:]] == oracle.session_bar("005930", dt.date(2026, 11, 19))
