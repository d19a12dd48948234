"""From a list of symbols to a desk on which everything works, against fakemarket; what cannot be is reported once."""

from __future__ import annotations

import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pyjobs.market.desk.desk_file import load_desk
from pyjobs.market.store.bar_store import BarStore
from pyjobs.runs.job_history import load_job_plans
from tests.fakemarket.server import FakeMarket
from tests.support.verb_process import run_verb

ROOT = Path(__file__).resolve().parents[2]
Verb = Callable[..., "subprocess.CompletedProcess[str]"]


SATURDAY_S = 1_795_226_400  # date -u -d '2026-11-21 02:00' +%s: New York has closed, Yahoo has the session


@pytest.fixture
def env(client_env: dict[str, str], fakemarket: FakeMarket, tmp_path: Path) -> dict[str, str]:
    """Of a job at a home of its own, on a Saturday."""
    fakemarket.clock.set(SATURDAY_S * 1000)
    return {**client_env, "NIGHTDESK_HOME": str(tmp_path), "NIGHTDESK_NOW": str(SATURDAY_S), "RETRY_BUDGET_S": "2"}


@pytest.fixture
def verb(env: dict[str, str]) -> Verb:

    def call(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run_verb(name, *arguments, env=env)

    return call


def test_a_desk_from_six_symbols_scans_backtests_and_reports(verb: Verb, tmp_path: Path) -> None:
    desk = tmp_path / "my desk.yaml"
    symbols = "AAPL,MSFT,QQQ,EWY,NOSUCH,aapl,005930.KS"
    asked = ["--exchange", "yahoo", "--symbols", symbols, "--years", "2", "--out", str(desk)]
    made = verb("new_desk", *asked, "--zone", "Europe/Berlin")
    assert made.returncode == 0, made.stderr
    assert "left out, see above: NOSUCH, 005930.KS\n" in made.stdout
    assert "exchange YAHOO_KR fits" in made.stdout and "the provider does not know it" in made.stdout
    script = shlex.quote(f"{ROOT}/batch/run_nightly.sh")  # a clone may lie in a folder with a space in its name
    assert f"50 22 * * 1-5  {script} --desk '{desk}'" in made.stdout
    assert made.stdout.endswith(f"next: batch/run_nightly.sh --desk '{desk}'\n")

    loaded = load_desk(desk)
    assert [i.symbol for i in loaded.instruments] == ["SPY", "AAPL", "MSFT", "QQQ", "EWY"]
    store = BarStore(tmp_path / "data" / "raw")
    assert all(len(store.read(each.key)) > 490 for each in loaded.instruments if each.role == "trade")  # of 502 or so
    assert load_job_plans(tmp_path / "secret" / "jobs.yaml").jobs["nightly"].market == "XNYS"

    scanned = verb("scan", "--desk", str(desk))
    assert scanned.returncode == 0, scanned.stderr
    assert [len(re.findall(rf"^{each} +1d +trade .* ok", scanned.stdout, re.M)) for each in ("AAPL", "EWY")] == [1, 1]
    for name, arguments in (
        ("import_bars", []),
        ("fetch", []),
        ("setup_backtest", ["--out", str(tmp_path)]),
        ("run_bt", ["--strategy", "ma_cross"]),
        ("run_sweep", ["--strategy", "ma_cross", "--sweep", "fast=10,20"]),
        ("walk_forward", ["--strategy", "ma_cross", "--sweep", "fast=10,20", "--train", "120", "--test", "60"]),
        ("report_watchlist", []),
        ("report_eod", []),
        ("check_data", []),
        ("healthcheck", []),
    ):
        done = verb(name, "--desk", str(desk), *arguments)
        assert done.returncode == 0, (name, done.stdout, done.stderr)
    (watchlist,) = (tmp_path / "reports").rglob("watchlist_*.md")
    assert "MSFT" in watchlist.read_text(encoding="utf-8")

    again = verb("new_desk", *asked)
    assert again.returncode == 64
    assert "is there already, and nothing is overwritten" in again.stderr


def test_on_a_terminal_it_asks_and_never_twice_for_the_same(env: dict[str, str], tmp_path: Path) -> None:
    def told(*answers: str) -> tuple[int, str]:
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "pyjobs.new_desk", "--years", "0.5", "--out", str(tmp_path / "d.yaml")]
        os.write(ours, "".join(f"{answer}\n" for answer in answers).encode())
        done = subprocess.run(command, cwd=ROOT, env=env, stdin=theirs, capture_output=True, text=True, timeout=300)
        os.close(ours)
        os.close(theirs)
        return done.returncode, done.stdout

    code, said = told("nowhere", "yahoo", "NOSUCH", "250000")
    assert code == 66, said
    assert "unknown exchange 'nowhere'" in said and "exchange (" in said
    code, said = told("AAPL")  # what was no use is asked again, the rest is not
    assert code == 0, said
    assert ": yahoo (your earlier answer; --exchange changes it)" in said
    assert "cash: 250000," in (tmp_path / "d.yaml").read_text(encoding="utf-8")
    assert not (tmp_path / "data" / "new_desk.json").exists()


def test_symbols_none_of_which_there_are_make_no_desk(verb: Verb, tmp_path: Path) -> None:
    done = verb("new_desk", "--exchange", "YAHOO", "--symbols", "NOSUCH,NEITHER", "--out", str(tmp_path / "d.yaml"))
    assert done.returncode == 66
    assert "YAHOO has none of NOSUCH, NEITHER; no desk was written" in done.stderr
    assert not (tmp_path / "d.yaml").exists() and not (tmp_path / "secret").exists()


def test_when_nobody_can_be_asked_there_is_no_desk_either(verb: Verb, fakemarket: FakeMarket, tmp_path: Path) -> None:
    fakemarket.fault("yahoo", "503")
    done = verb("new_desk", "--exchange", "YAHOO", "--symbols", "AAPL,MSFT", "--out", str(tmp_path / "d.yaml"))
    assert done.returncode == 69, done.stderr
    assert not (tmp_path / "d.yaml").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "--exchange is needed (on a terminal it is asked for)"),
        (["--exchange", "YAHO", "--symbols", "A"], "--exchange: unknown exchange 'YAHO'"),
        (["--exchange", "YAHOO", "--symbols", ","], "--symbols: names no symbol"),
        (["--exchange", "YAHOO", "--symbols", "A", "--cash", "-1"], "--cash: '-1.0' is not an amount above 0"),
        (["--exchange", "YAHOO", "--symbols", "A", "--timeframe", "2h"], "--timeframe: unknown '2h'"),
        (["--exchange", "YAHOO", "--symbols", "A", "--years", "0"], "--years 0 is not a number of years"),
        (["--exchange", "YAHOO", "--symbols", "A", "--name", "a b"], "--name 'a b' cannot name a desk"),
        (["--exchange", "YAHOO", "--symbols", "A", "--zone", "Berlin"], "'Berlin' is no time zone of this box"),
        (["--listing", "KRX", "--symbols", "A"], "--listing replaces --exchange and --symbols"),
    ],
)
def test_wrong_usage_is_named_and_nothing_is_asked_or_written(
    verb: Verb, fakemarket: FakeMarket, tmp_path: Path, arguments: list[str], told: str
) -> None:
    done = verb("new_desk", *arguments, "--out", str(tmp_path / "d.yaml"))
    assert done.returncode == 64, done.stderr
    assert told in done.stderr
    assert not fakemarket.requests()
    assert not (tmp_path / "d.yaml").exists()


def test_a_listing_becomes_a_desk_of_all_its_shares(env: dict[str, str], tmp_path: Path) -> None:
    env |= {"KRX_ID": "someone", "KRX_PW": "something"}
    desk = tmp_path / "krx.yaml"
    asked = ["--listing", "KRX", "--boards", "KOSPI", "--years", "0.04"]
    done = run_verb("new_desk", *asked, "--out", desk, env=env)
    assert done.returncode == 0, done.stderr
    found = int(re.search(r"krx.yaml: (\d+) instruments, XKRX", done.stdout)[1])  # type: ignore[index]
    assert 900 < found < 1_000
    text = desk.read_text(encoding="utf-8")
    assert 'listing: ["KOSPI"]' in text and "rules: KRX" in text
    store = BarStore(tmp_path / "data" / "raw")
    lengths = [len(store.read(key)) for key in store.series() if key.exchange == "KRX"]
    assert len(lengths) == found - 1 and sorted(lengths)[50] >= 9, "ten sessions of all; the one more is an index"


def test_the_desk_of_a_clone_is_the_one_its_jobs_find(env: dict[str, str], tmp_path: Path) -> None:
    clone = tmp_path / "a clone"
    for folder in ("config", "pyjobs", "utils", "jobs", "batch"):
        shutil.copytree(ROOT / folder, clone / folder, ignore=shutil.ignore_patterns("__pycache__", "env.local.sh"))
    (clone / "secret").mkdir()
    (clone / "secret" / "jobs.yaml").write_text((ROOT / "config" / "jobs.yaml").read_text())
    env |= {"NIGHTDESK_HOME": str(clone)}

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=clone, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)

    new_desk = [sys.executable, "-m", "pyjobs.new_desk", "--exchange", "YAHOO", "--symbols", "AAPL", "--years", "0.5"]
    made = run(*new_desk, "--zone", "UTC")
    assert made.returncode == 0, made.stderr
    assert made.stdout.endswith("next: batch/run_nightly.sh\n") and "--desk" not in made.stdout
    assert (clone / "config/env.local.sh").read_text().endswith("MARKET=XNYS\n")
    assert f"{clone}/secret/jobs.yaml is yours and stays as it is; for XNYS these would be due: " in made.stdout
    assert (clone / "secret/jobs.yaml").read_text() == (ROOT / "config/jobs.yaml").read_text()
    assert (clone / "secret/watchlist.yaml").read_text().endswith('symbols:\n  - "SPY"\n  - "AAPL"\n')
    scanned = run(sys.executable, "-m", "pyjobs.scan", "--session", "2026-06-17")
    assert "mine: scan of 2026-06-17" in scanned.stdout, scanned.stderr

    (clone / "config/desk.yaml").unlink()
    (clone / "config/env.local.sh").write_text("MARKET=XKRX\n")
    again = run(*new_desk, "--zone", "UTC")
    assert (
        f"{clone}/config/env.local.sh is yours and stays as it is; put this line into it: MARKET=XNYS" in again.stdout
    )
    assert (clone / "config/env.local.sh").read_text() == "MARKET=XKRX\n"
    second = run(*new_desk, "--zone", "UTC", "--name", "us")
    assert f"{clone}/secret/jobs.yaml: 4 lines added, when each job of us should have ended" in second.stdout
    assert load_job_plans(clone / "secret" / "jobs.yaml").jobs["nightly@us"].market == "XNYS"
