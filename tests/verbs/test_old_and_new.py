"""The table of old and new commands: each command of its last column is run as it stands, in a clone."""

from __future__ import annotations

import datetime as dt
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakemarket.server import FakeMarket
from tests.market.support import postgres
from tests.verbs.support.week import Box

ROOT = Path(__file__).resolve().parents[2]
TABLE = (ROOT / "docs/operations/set_up.md").read_text(encoding="utf-8").partition("## Where you come from")[2]
ROWS = [
    line.replace(r"\|", "\N{BROKEN BAR}").strip("|").split(" | ")
    for line in TABLE.splitlines()
    if line.startswith("| ")
]
QUOTED = [text.replace("\N{BROKEN BAR}", "|") for row in ROWS[1:] for text in re.findall(r"`([^`]+)`", row[-1])]
BEGINS = ("batch/", "jobs/", ".venv/bin/python -m ", "tail ", "make ", "journalctl ")
NEW = [text for text in QUOTED if text.startswith(BEGINS)]
FRIDAY_EVENING_S = int(dt.datetime(2026, 11, 20, 19, tzinfo=dt.timezone(dt.timedelta(hours=9))).timestamp())
ELSEWHERE = ("make setup", "journalctl --user")  # this clone's environment is there; a user's journal is systemd's
A_NIGHT = ("run_nightly.sh", "why.sh nightly", "logs/nightly_")
BARS_BY_THE_MINUTE = ("bootstrap_symbols", "BTCUSD-1m")
A_DATABASE = ("migrate_candles", "mirror_candles")
OF_A_DAY = ("run_scanner.sh", "run_report_eod.sh", "run_report_watchlist.sh", "run_healthcheck.sh --")  # see test_week
ENDS = {  # no manager: 78; no loop has that tag: 66; without a loop there are no logs of one: 1
    "--systemd enable": {0, 78},
    "jobs/eqflat.sh TAG": {66},
    "logs/live_": {1},
}
LEAVES = {
    "run_nightly.sh": "data/server_runs/*/manifest.json",
    "ingest --symbol BTCUSD": "data/raw/BITFINEX/BTCUSD/1h/*",
    "--enable-gap-repair": "config/instances/XRPUSD-1m.env",
    "--systemd enable": ".config/systemd/user/nightdesk-ingest@*",
    "run_ingest.sh BTCUSD-1m": "logs/ingest@BTCUSD-1m_2026-11-20.log",
    "pyjobs.scan": "reports/scan_2026-11-20.md",
    "report_eod --date auto": "reports/eod_2026-11-20.md",
    "report_watchlist --date auto": "reports/watchlist_2026-11-20.md",
    "run_bt.sh": "backtests/*_krx_ma200/metrics.json",
    "bt_postprocess.sh": "logs/compare_krx_ma200_2026-11-20.log",
    "update_from_git.sh": "logs/update_2026-11-20.log",
    "precache_benchmarks.sh": "logs/precache_2026-11-20.log",
}


def test_there_is_a_row_for_each_of_the_five_seeds() -> None:
    assert re.findall(r"^\| \*\*(\w[\w-]*)\*\*", TABLE, re.M) == [
        "cdx-trade", "trade", "traderunner", "cryptotrader", "krx_alertor",
    ]  # fmt: skip
    assert all(len(row) == 2 for row in ROWS) and len(NEW) > 25
    for part in (*ELSEWHERE, *A_NIGHT, *A_DATABASE, *OF_A_DAY, *ENDS, *LEAVES):
        assert any(part in text for text in NEW), part


@pytest.fixture
def box(fakemarket: FakeMarket, client_env: dict[str, str], tmp_path: Path) -> Box:
    """A clone with a Korean desk of Yahoo's, and with a remote of its own."""
    made = Box.cloned(tmp_path, "Asia/Seoul", fakemarket, client_env)
    git = ["git", "-C", str(made.clone)]
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "origin.git")], check=True)
    subprocess.run([*git, "remote", "set-url", "origin", str(tmp_path / "origin.git")], check=True)
    subprocess.run([*git, "switch", "-q", "-C", "trunk"], check=True)
    subprocess.run([*git, "push", "-q", "--set-upstream", "origin", "trunk"], check=True)
    subprocess.run([*git, "remote", "set-head", "origin", "trunk"], check=True)
    two = ("--exchange", "YAHOO_KR", "--symbols", "005930.KS,000660.KS", "--years", "2")
    made.verb(FRIDAY_EVENING_S, "new_desk", *two, "--zone", made.zone)
    return made


def tried(box: Box, commands: list[str], **env: str) -> None:
    """Run each as a person would paste it, in the root of the clone."""
    for text in commands:
        done = subprocess.run(
            ["bash", "-c", text], cwd=box.clone, env=box.at(FRIDAY_EVENING_S) | env, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
        codes = next((codes for part, codes in ENDS.items() if part in text), {0})
        assert done.returncode in codes, (text, done.stdout, done.stderr)
        assert "logs/nightly_" not in text or "[END] ok" in done.stdout, (text, done.stdout)
        assert "Traceback" not in done.stdout + done.stderr, (text, done.stderr)
        left = [pattern for part, pattern in LEAVES.items() if part in text]
        home = box.clone.parent if ".config" in "".join(left) else box.clone
        assert all(list(home.glob(pattern)) for pattern in left), (text, left, done.stdout, done.stderr)


def of(*parts: str) -> list[str]:
    return [text for text in NEW if any(part in text for part in parts)]


def test_each_new_command_is_tried(box: Box) -> None:
    later = of(*ELSEWHERE, *A_NIGHT, *BARS_BY_THE_MINUTE, *A_DATABASE, *OF_A_DAY)
    tried(box, [text for text in NEW if text not in later])
    tried(box, of("run_scanner.sh", "run_healthcheck.sh --strict"))
    saturday = str(FRIDAY_EVENING_S + 86_400)  # no session: their guard skips
    tried(box, of("run_report_eod.sh", "run_report_watchlist.sh"), NIGHTDESK_NOW=saturday)
    git = ["git", "-C", str(box.clone), "status", "--porcelain"]
    assert subprocess.run(git, capture_output=True, text=True, check=True).stdout == ""


@pytest.mark.torture
def test_the_day_the_night_and_the_coins_are_tried(box: Box) -> None:
    tried(box, [text for text in of(*OF_A_DAY, *A_NIGHT, *BARS_BY_THE_MINUTE) if text not in of(*ELSEWHERE)])


@pytest.fixture
def database() -> Iterator[str]:
    yield from postgres.run_server()


@pytest.mark.torture
def test_the_database_is_tried(box: Box, database: str) -> None:
    tried(box, of("ingest --symbol BTCUSD"))
    tried(box, of(*A_DATABASE), DATABASE_URL=database)
