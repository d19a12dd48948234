"""KRX behind its login, and Naver's XML."""

from __future__ import annotations

import datetime as dt
import xml.etree.ElementTree as ET
from typing import Any

import requests

from tests.fakemarket import oracle
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


def test_naver_is_euc_kr_and_split_adjusted(session: requests.Session) -> None:
    answer = session.get("http://fchart.stock.naver.com/sise.nhn", params={"symbol": "005930", "count": "3"})
    assert 'name="삼성전자"' in answer.content.decode("euc-kr")
    items = [
        node.get("data", "").split("|")
        for node in ET.fromstring(answer.content.decode("euc-kr").partition("?>")[2]).iter("item")
    ]
    assert [item[0] for item in items] == ["20261118", "20261119", "20261120"]
    assert [float(text) for text in items[1][1:]] == oracle.session_bar("005930", dt.date(2026, 11, 19))
