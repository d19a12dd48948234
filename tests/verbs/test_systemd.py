"""The user units that bootstrap_symbols writes, before the real systemd: its verifier, its calendar, a real manager."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyjobs.bootstrap_symbols import main as bootstrap_symbols
from pyjobs.market.ingest import bootstrap
from pyjobs.runs.job_history import load_job_plans
from tests.fakemarket.server import FakeMarket
from utils.run import run
from utils.schedule import interval_s

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "config/schedule/systemd"
NOON_S = 1_795_176_000  # 2026-11-20T12:00Z
MANAGER = Path("/usr/lib/systemd/systemd")
SYMBOLS = ["--symbols", "BTCUSD,DOGE:USD", "--lookback-days", "0.1", "--enable-gap-repair", "--each"]
BTC, DOGE = "BTCUSD-1m", r"DOGE\x253AUSD-1m"
analyzed = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd-analyze is not here (.ci/run installs systemd where it may)"
)

# A PID namespace of its own ends with all that was started in it; /run and the control group are its own, too.
IN_A_MANAGER = """
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system "$XDG_RUNTIME_DIR"
chmod 700 "$XDG_RUNTIME_DIR"
echo $$ >"$1/cgroup.procs"
/usr/lib/systemd/systemd --user >"$2/manager.log" 2>&1 &
until [[ $(systemctl --user is-system-running 2>/dev/null) == @(running|degraded) ]]; do
  kill -0 $! || exit 9
  sleep 0.05
done
. "$2/scenario"
"""


@pytest.fixture
def env(fakemarket: FakeMarket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """That of a user who has fakemarket for a market, whose home is `tmp_path`, and who has no manager yet."""
    fakemarket.market.clock.set(NOON_S * 1000)
    own = {"HOME": str(tmp_path), "NIGHTDESK_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "xdg")}
    for name, value in {**fakemarket.env(), **own, "NIGHTDESK_NOW": str(NOON_S)}.items():
        monkeypatch.setenv(name, value)
    for name in ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "CT_SYMBOL", "CT_EXCHANGE", "JOB"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONBIN", sys.executable)
    return dict(os.environ)


@pytest.fixture
def group() -> Iterator[Path]:
    """A new control group (version 2), removed with what was made below it."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    roots = [Path(fields[1]) for fields in mounts if fields[2] == "cgroup2"]
    if os.geteuid() or not MANAGER.exists() or not roots or not shutil.which("unshare"):
        pytest.skip("a real user manager needs root, systemd, unshare and control groups of version 2")
    own = roots[0] / f"nightdesk-test-{uuid.uuid4().hex}"
    try:
        own.mkdir()
    except OSError as error:
        pytest.skip(f"control groups cannot be made here: {error}")
    yield own
    for folder, _, _ in os.walk(own, topdown=False):
        Path(folder).rmdir()


def managed(env: dict[str, str], home: Path, group: Path, scenario: str) -> str:
    """What `scenario`, a bash script, prints under a fresh user manager; its stderr too."""
    home.joinpath("scenario").write_text(f"set -euo pipefail\ncd {shlex.quote(str(ROOT))}\n{scenario}")
    apart = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"]
    done = subprocess.run(
        [*apart, "bash", "-ec", IN_A_MANAGER, "manager", str(group), str(home)],
        env=env | {"XDG_RUNTIME_DIR": "/run/user/nightdesk"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600,
    )  # fmt: skip
    log = home / "manager.log"
    if "Operation not permitted" in done.stdout or not log.exists():
        pytest.skip(f"no namespaces here: {done.stdout[-200:]}")
    assert done.returncode == 0, (done.stdout[-2000:], log.read_text()[-2000:])
    return done.stdout


def shown(text: str, unit: str) -> dict[str, str]:
    """The properties of `unit` in the output of `systemctl show` for several."""
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in text.split("\n\n")]
    return next(block for block in blocks if block.get("Id") == unit)


ENABLED = f"""
{shlex.quote(sys.executable)} -m pyjobs.bootstrap_symbols {shlex.join(SYMBOLS)} --systemd enable
"""


def test_a_real_manager_enables_the_timers_and_runs_their_services(
    env: dict[str, str], tmp_path: Path, group: Path
) -> None:
    told = managed(
        env, tmp_path, group,
        ENABLED
        + f"systemctl --user start nightdesk-ingest@{BTC}.service {shlex.quote(f'nightdesk-ingest@{DOGE}.service')}"
        " nightdesk-gap-repair@BTCUSD-1m.service\n"
        "systemctl --user list-timers --all --output=json 'nightdesk-*' >\"$NIGHTDESK_HOME/timers.json\"\n"
        "systemctl --user show 'nightdesk-*' --all --property=Id,ActiveState,UnitFileState,Result,ExecMainStatus\n",
    )  # fmt: skip
    assert "enabled 4 timers" in told
    timers = {one["unit"]: one for one in json.loads((tmp_path / "timers.json").read_text())}
    names = [f"nightdesk-{job}@{one}.timer" for one in (BTC, DOGE) for job in ("gap-repair", "ingest")]
    assert sorted(timers) == sorted(names)
    assert all(timers[name]["activates"] == name.replace(".timer", ".service") for name in names)
    for name in names:
        state = shown(told, name)
        assert (state["ActiveState"], state["UnitFileState"]) == ("active", "enabled"), name
    wanted = tmp_path / "xdg/systemd/user/timers.target.wants"
    assert sorted(path.name for path in wanted.iterdir()) == sorted(names)
    for one in (BTC, DOGE):
        assert shown(told, f"nightdesk-ingest@{one}.service")["ExecMainStatus"] == "0"
    history = [json.loads(line) for line in (tmp_path / "logs/history.jsonl").read_text().splitlines()]
    assert {(one["job"], one["outcome"]) for one in history} == {("ingest", "ok"), ("gap_repair", "ok")}
    logs = "".join(path.read_text() for path in (tmp_path / "logs").glob("ingest@*.log"))
    assert "BITFINEX:BTCUSD:1m: " in logs and "BITFINEX:DOGE:USD:1m: " in logs


@pytest.mark.torture  # it waits for the next minute
def test_a_real_manager_starts_the_minute_job_by_its_timer(env: dict[str, str], tmp_path: Path, group: Path) -> None:
    wait = 'until grep -q "\\[END\\]" "$NIGHTDESK_HOME"/logs/ingest@BTC*.log 2>/dev/null; do sleep 0.5; done\n'
    managed(env, tmp_path, group, ENABLED + wait)
    history = [json.loads(line) for line in (tmp_path / "logs/history.jsonl").read_text().splitlines()]
    assert [one["outcome"] for one in history if one["instance"].startswith("BTC")] == ["ok"]


LOOPS = "loops: {paper: {exchange: MADEUP, symbol: BTC/USD, timeframe: 5m, strategy: ma_cross, market: 24/7}}\n"
KEPT = """
dropped="$XDG_CONFIG_HOME/systemd/user/nightdesk-live.service.d"
mkdir -p "$dropped" && printf '[Service]\nWatchdogSec=2\nRestartSec=0\n' >"$dropped/soon.conf"
show() { systemctl --user show nightdesk-live.service --property="$1" --value; }
restarted() { until [[ $(show NRestarts) == "$1" && $(show ActiveState) == active ]]; do sleep 0.1; done; }
jobs/live.sh up
restarted 0
kill -KILL "$(show MainPID)"
restarted 1
kill -STOP "$(show MainPID)"
restarted 2
jobs/live.sh status || true
jobs/live.sh down
printf 'in the end %s %s\n' "$(show ActiveState)" "$(show UnitFileState)"
"""


@pytest.mark.torture  # it waits for a watchdog
def test_a_real_manager_begins_the_loops_again_when_they_are_killed_and_when_they_hang(
    env: dict[str, str], tmp_path: Path, group: Path
) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/live.yaml").write_text(LOOPS)
    told = managed(env, tmp_path, group, KEPT)
    assert "started as nightdesk-live.service" in told and "live loop: alive, pid" in told
    assert told.splitlines()[-2:] == ["stopped", "in the end inactive disabled"]


def test_without_a_manager_the_units_are_written_and_the_message_says_what_is_to_be_done(
    env: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert env["HOME"] == str(tmp_path)
    argv = [*SYMBOLS, "--systemd", "enable"]
    if shutil.which("systemctl"):
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "nobody"))
        assert run(bootstrap_symbols, argv) == 78
        said = capsys.readouterr().err
        assert "this user has no running systemd manager here (" in said and "loginctl enable-linger USER" in said
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run(bootstrap_symbols, argv) == 78
    said = capsys.readouterr().err
    assert "systemctl --user cannot be used here" in said and "leave out --systemd to get crontab lines" in said
    assert len(list((tmp_path / "xdg/systemd/user").glob("nightdesk-*@.*"))) == 4


@analyzed
def test_systemd_finds_no_fault_in_units_and_instances_of_a_clone_with_a_space_and_a_percent_sign(
    tmp_path: Path,
) -> None:
    clone = tmp_path / "my desk 100%"
    for name in bootstrap.UNITS.values():
        (clone / "batch").mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "batch" / name, clone / "batch")
    units = tmp_path / "units"
    units.mkdir()
    for name, text in bootstrap.unit_texts(TEMPLATES, clone).items():
        for named in (name, name.replace("@", f"@{BTC}"), name.replace("@", f"@{DOGE}")):
            (units / named).write_text(text)
    env = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    argv = ["systemd-analyze", "verify", "--user", "--man=no", *map(str, sorted(units.iterdir()))]
    done = subprocess.run(argv, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    broken = units / "nightdesk-ingest@.service"
    broken.write_text(broken.read_text().replace("NoNewPrivileges", "NoNewPrivilege"))
    again = subprocess.run(argv, env=env, capture_output=True, text=True)
    assert "'NoNewPrivilege'" in again.stderr  # it would have told


@analyzed
@pytest.mark.parametrize(("unit", "job"), [("ingest", "ingest"), ("gap-repair", "gap_repair")])
def test_timers_elapse_as_often_as_the_interval_of_their_job(unit: str, job: str) -> None:
    when = re.search(r"^OnCalendar=(.*)$", (TEMPLATES / f"nightdesk-{unit}@.timer").read_text(), re.M)
    assert when is not None
    argv = ["systemd-analyze", "calendar", "--iterations=9", "--base-time=2026-11-20 23:00:00 UTC", when[1]]
    done = subprocess.run(argv, env={**os.environ, "TZ": "UTC"}, capture_output=True, text=True, check=True)
    times = [dt.datetime.fromisoformat(one) for one in re.findall(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC", done.stdout)]
    steps = {(after - before).total_seconds() for before, after in itertools.pairwise(times)}
    assert steps == {interval_s(load_job_plans(ROOT / "config/jobs.yaml").jobs[job].interval)}


@analyzed
def test_every_line_of_the_crontab_example_becomes_units_without_fault_that_elapse_when_it_says(tmp_path: Path) -> None:
    from pyjobs.runs.units import live_unit, unit_texts

    clone = tmp_path / "my desk 100%"
    shutil.copytree(ROOT / "batch", clone / "batch")
    units = tmp_path / "units"
    units.mkdir()
    crontab = (ROOT / "config/schedule/crontab.example").read_text()
    extra = r"5 1 * * 0-2  MARKET=XNYS '/a b/batch/precache_benchmarks.sh' --desk 'x/my\%desk.yaml'"
    texts = unit_texts(crontab + extra + "\n", clone, "Asia/Seoul")
    assert len(texts) == 2 * (sum("/batch/" in line and line[0] != "#" for line in crontab.splitlines()) + 1)
    live = next(iter(live_unit().values())).replace(str(ROOT), str(clone).replace("%", "%%"))
    shutil.copytree(ROOT / "jobs", clone / "jobs")
    for name, text in {**texts, "nightdesk-live.service": live}.items():
        (units / name).write_text(text)
    waits = re.search(r"^WatchdogSec=(\d+)$", live, re.M)
    assert (
        waits is not None and int(waits[1]) > 100 and f'ExecStart="{tmp_path}/my desk 100%%/jobs/live.sh" loop' in live
    )
    assert "OnStartupSec=" in texts["nightdesk-cron-reboot.timer"]
    own = texts["nightdesk-precache-benchmarks-my_desk.service"]
    assert "Environment=MARKET=XNYS\n" in own and "--desk x/my%%desk.yaml\n" in own
    argv = ["systemd-analyze", "verify", "--user", "--man=no", *map(str, sorted(units.iterdir()))]
    done = subprocess.run(argv, env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    for unit, expected in (
        ("nightly", ["2026-11-20 13:10", "2026-11-23 13:10", "2026-11-24 13:10"]),  # 22:10 in Seoul, Monday to Friday
        ("nightly-us", ["2026-11-20 21:50", "2026-11-23 21:50"]),  # 06:50 in Seoul, Tuesday to Saturday
        ("ingest", ["2026-11-20 12:01", "2026-11-20 12:02"]),
        ("drill", ["2026-11-30 20:40", "2026-12-31 20:40"]),  # 05:40 in Seoul, on the first of each month
        (
            "precache-benchmarks-my_desk",
            ["2026-11-21 16:05", "2026-11-22 16:05", "2026-11-23 16:05"],
        ),
    ):
        when = re.search(r"^OnCalendar=(.*)$", texts[f"nightdesk-{unit}.timer"], re.M)
        assert when is not None
        argv = ["systemd-analyze", "calendar", "--iterations=4", "--base-time=2026-11-20 12:00:00 UTC", when[1]]
        done = subprocess.run(argv, env={**os.environ, "TZ": "UTC"}, capture_output=True, text=True, check=True)
        times = re.findall(r"(\d{4}-\d\d-\d\d \d\d:\d\d):\d\d UTC", done.stdout)
        assert times[: len(expected)] == expected, done.stdout


def test_one_timer_is_for_all_series_unless_each_is_to_have_its_own(
    env: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert env["HOME"] == str(tmp_path) and SYMBOLS[-1] == "--each"
    assert run(bootstrap_symbols, [*SYMBOLS[:-1], "--systemd", "write"]) == 0
    assert "enable --now nightdesk-gap-repair.timer nightdesk-ingest.timer\n" in capsys.readouterr().out
    text = (tmp_path / "xdg/systemd/user/nightdesk-ingest.timer").read_text()
    assert "OnCalendar=*-*-* *:*:00 UTC\n" in text
