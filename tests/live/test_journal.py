"""What a kill, a lost sync, a restore or a hand does to the files: set right, or refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pyjobs.live.equal import logs
from pyjobs.live.feed import Answer
from pyjobs.live.journal import last_sizes, names
from pyjobs.live.journal.place import Place
from tests.live.support.defects import put, rows_of
from tests.live.support.worlds import a_loop, a_spec, cells, fed, walk
from utils.errors import BadDataError, ConfigError, NightdeskError

BARS = walk(140)
Damage = Callable[[Place], None]


def whole(tag: str = "paper") -> Place:
    """A journal of eighty bars, and what its files held."""
    spec = a_spec(tag)
    fed(a_loop(spec), BARS, 60, 140)
    return spec.place


def files(place: Place) -> dict[str, bytes]:
    return {name: getattr(place, name).read_bytes() for name in ("decisions", "bars", "trades")}


def same(place: Place, content: dict[str, bytes]) -> bool:
    """Whether the files are those; without a difference of thousands of bytes in the message."""
    return files(place) == content


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def zeroed(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-700] + b"\0" * 700)


def test_a_journal_that_lost_its_end_anywhere_goes_on_and_becomes_what_it_would_have_been() -> None:
    place, spec = whole(), a_spec()
    good = files(place)
    for damage in (torn, zeroed):
        for name in good:
            for other, content in good.items():
                getattr(place, other).write_bytes(content)
            if name == "bars":  # bars are synced before any decision is written: their loss alone is a decision's, too
                keep = lines_of(place.decisions)[:-12]
                place.decisions.write_bytes(b"".join(keep))
            damage(getattr(place, name))
            loop = a_loop(spec)
            assert loop.report, (damage, name)
            done = int(cells(place.decisions)[-1]["ts_ms"]) if cells(place.decisions) else 0
            upto = BARS.ts_ms.tolist().index(done) + 2
            fed(loop, BARS, upto, 140)
            assert same(place, good), (damage, name)
            assert cells(place.events)[-1]["kind"] == "repaired"


def test_trades_that_a_kill_kept_from_the_file_are_made_again_from_the_bars() -> None:
    place, spec = whole(), a_spec()
    good = files(place)
    assert len(lines_of(place.trades)) > 5
    for lost in (1, 3, len(lines_of(place.trades))):
        place.trades.write_bytes(b"".join(lines_of(place.trades)[:-lost]))
        loop = a_loop(spec)
        assert any("trades added" in told for told in loop.report)
        assert same(place, good)
    place.trades.unlink()
    a_loop(spec)
    assert same(place, good)


def test_trades_without_their_decision_go() -> None:
    place, spec = whole(), a_spec()
    good = files(place)
    for name, keep in (("decisions", 40), ("bars", 200)):
        path = getattr(place, name)
        path.write_bytes(b"".join(lines_of(path)[:keep]))
    loop = a_loop(spec)
    assert any("trades without a written decision" in told for told in loop.report)
    fed(loop, BARS, 60 + 39, 140)
    assert same(place, good)


def edited(path: Path) -> None:
    rows = lines_of(path)
    rows[-4] = rows[-4].replace(b",5m,", b",5m,", 1).replace(b"0", b"1", 1)
    path.write_bytes(b"".join(rows))


def dropped(path: Path) -> None:
    rows = lines_of(path)
    path.write_bytes(b"".join(rows[:-4] + rows[-3:]))


def doubled(path: Path) -> None:
    rows = lines_of(path)
    path.write_bytes(b"".join(rows + rows[-10:]))


def another_heading(path: Path) -> None:
    rows = lines_of(path)
    path.write_bytes(b"".join([b"time,what\n", *rows[1:]]))


def a_cell_more(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"a,b,c\n")


@pytest.mark.parametrize("name", ["decisions", "bars", "trades"])
@pytest.mark.parametrize("damage", [edited, dropped, doubled, another_heading, a_cell_more])
def test_what_no_kill_can_do_is_refused_by_file_and_line_and_nothing_is_written(damage: Damage, name: str) -> None:
    place = whole()
    path = getattr(place, name)
    damage(path)
    after = files(place)
    with pytest.raises(NightdeskError, match=rf"{path.name}.*(checksum|heading|cells)") as refused:
        a_loop(a_spec())
    assert int(refused.value.exit_code) == 65 and "othing was written" in str(refused.value)
    assert same(place, after)


@pytest.mark.parametrize("name", ["decisions", "bars", "trades", "events"])
def test_a_file_that_an_editor_saved_with_its_own_line_ends_is_refused_and_told_what_takes_them_out(name: str) -> None:
    place = whole()
    path = getattr(place, name)
    good = path.read_bytes()
    path.write_bytes(good.replace(b"\n", b"\r\n"))
    with pytest.raises(BadDataError, match=rf"{name}\.csv: its lines end in CR LF.*sed -i"):
        a_loop(a_spec())
    with pytest.raises(logs.BadLine, match=rf"{name}\.csv: its lines end in CR LF") as refused:
        logs.read(place, live=True)
    assert refused.value.ts_ms == int(rows_of(path)[0][names.TS_MS])
    for no_lines in (good.replace(b"\n", b"\r"), b"another program's"):  # without a single end of a line
        path.write_bytes(no_lines)
        with pytest.raises(logs.BadLine, match=rf"{name}\.csv: its (lines end|heading is not ours)"):
            logs.read(place, live=True)
    path.write_bytes(good[:-1] + b"\r\n")  # one line alone
    if name != "events":
        with pytest.raises(BadDataError, match=r"does not have the checksum"):
            a_loop(a_spec())
    with pytest.raises(logs.BadLine) as refused:
        logs.read(place, live=True)
    path.write_bytes(good)
    assert refused.value.ts_ms == int(rows_of(path)[-1][names.TS_MS])


def test_a_journal_without_its_decisions_is_not_begun_anew_over_its_bars_and_trades() -> None:
    place = whole()
    first = lines_of(place.decisions)[0]
    for left in (b"", first):
        place.decisions.write_bytes(left)
        after = files(place)
        with pytest.raises(BadDataError, match=r"decisions\.csv: is not there, or empty"):
            a_loop(a_spec())
        assert same(place, after)
    place.decisions.unlink()
    with pytest.raises(BadDataError, match="nothing was written"):
        a_loop(a_spec())


@pytest.mark.parametrize("also", [(), ("bars",), ("events",), ("bars", "events")])
def test_a_journal_that_has_lost_its_beginning_and_was_sealed_again_is_refused(also: tuple[str, ...]) -> None:
    place = whole()
    rows = rows_of(place.decisions)
    put(place.decisions, rows[9:], resealed=True)
    if "bars" in also:  # its bars are said to have been of the warm-up
        seen = rows_of(place.bars)
        for row in seen:
            row[names.BARS.index("kind")] = names.WARM_UP if int(row[3]) < int(rows[9][3]) else row[9]
        put(place.bars, seen, resealed=True)
    if "events" in also:
        place.events.unlink()
    after = files(place)
    if len(also) == 2:  # nothing is left that knew of it: it is another journal, whole in itself
        assert a_loop(a_spec()).stand.ts_ms == int(rows[-1][3])
        return
    with pytest.raises(BadDataError, match=r"decisions\.csv: begins with .* its first rows are gone"):
        a_loop(a_spec())
    assert same(place, after)


def test_a_beginning_that_is_recorded_at_no_time_is_refused_by_its_file() -> None:
    place = whole()
    rows = rows_of(place.events)
    next(row for row in rows if row[4] == "begun")[names.TS_MS] = "x"
    put(place.events, rows, resealed=True)
    with pytest.raises(BadDataError, match=r"events\.csv: the row of ts_ms x"):
        a_loop(a_spec())


def test_files_of_two_times_are_refused() -> None:
    place = whole()
    place.bars.write_bytes(b"".join(lines_of(place.bars)[:-5]))
    with pytest.raises(BadDataError, match=r"bars.csv: lacks the bar of .* not of one time"):
        a_loop(a_spec())


def test_a_row_from_the_future_is_refused() -> None:
    place, spec = whole(), a_spec()
    loop = a_loop(spec)
    late = loop.setting.now_ms() - int(cells(place.decisions)[-1]["ts_ms"])
    ahead = walk(200, step_ms=late)
    other = a_spec("ahead")
    a_loop(other).take(Answer(bars=ahead, final=False))
    with pytest.raises(BadDataError, match=r"its last row is of .*set the clock right"):
        a_loop(other)


def test_a_file_of_another_timeframe_or_version_is_refused() -> None:
    place = whole()
    other = a_spec(timeframe="1h")
    other.place.folder.mkdir(parents=True)
    other.place.decisions.write_bytes(place.decisions.read_bytes())
    other.place.bars.write_bytes(place.bars.read_bytes())
    with pytest.raises(ConfigError, match=r"is of MADEUP:BTC/USD:5m, and this loop is MADEUP:BTC/USD:1h"):
        a_loop(other)
    place.decisions.write_bytes(place.decisions.read_bytes().replace(b"day_equity", b"dayequity", 1))
    with pytest.raises(BadDataError, match="another version or program"):
        a_loop(a_spec())


def test_a_full_disk_leaves_no_half_a_line_and_the_bar_is_decided_later(monkeypatch: pytest.MonkeyPatch) -> None:
    place, spec = whole(), a_spec()
    good = files(place)
    for name, content in good.items():
        keep = {"decisions": 60, "bars": 60 + 31, "trades": 1}[name]
        getattr(place, name).write_bytes(b"".join(content.splitlines(keepends=True)[:keep]))
    loop = a_loop(spec)
    from pyjobs.live.journal import lines as module

    real, left = module.os.write, [400]

    def write(fd: int, content: memoryview) -> int:
        if left[0] <= 0:
            raise OSError(28, "No space left on device")
        done: int = real(fd, content[: left[0]])
        left[0] -= done
        return done

    monkeypatch.setattr(module.os, "write", write)
    with pytest.raises(NightdeskError, match="No space left") as refused:
        fed(loop, BARS, 120, 140)
    assert int(refused.value.exit_code) == 73
    for name in good:
        assert good[name].startswith(getattr(place, name).read_bytes())
    left[0] = 10**9
    upto = BARS.ts_ms.tolist().index(int(cells(place.decisions)[-1]["ts_ms"])) + 2
    fed(loop, BARS, upto, 140)
    assert same(place, good)


def test_the_time_is_column_four_as_operators_type_it() -> None:
    assert names.DECISIONS[3] == names.BARS[3] == names.TRADES[3] == "ts_ms"
    place = whole()
    assert place.decisions.parts[-5:] == ("decisions", "paper", "BTC_USD", "5m", "decisions.csv")
    assert place.trades.parts[-5:] == ("trades", "paper", "BTC_USD", "5m", "trades.csv")


def test_a_journal_that_begins_again_in_an_old_folder_survives_a_kill_of_its_first_step() -> None:
    loop, bars = fed(a_loop(a_spec()), BARS, 60, 75), BARS
    last_sizes.keep(loop.journal)
    for path in (loop.spec.place.decisions, loop.spec.place.bars, loop.spec.place.trades):
        path.unlink(missing_ok=True)  # moved away by hand, as a refusal tells
    fed(a_loop(a_spec()), bars, 76, 76)  # killed before it kept its sizes
    assert a_loop(a_spec()).stand.ts_ms == int(bars.ts_ms[74])
