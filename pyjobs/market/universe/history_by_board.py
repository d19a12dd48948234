"""The history of many shares at once, by KRX's boards: a session of all is two questions, a share's ten years six.

The newest stretch comes first, so that a desk of a whole market has its page on the first night; then it goes back, a
stretch at a time, so many sessions a job, until every share has what its desk wants. Within a stretch the newest
session is asked for first: what has come when a provider fails touches what is stored. Base prices are compared with
the closes of the session before, also where two stretches meet, so the history comes with its splits, and no session is
stored whose follower contradicts it. Killed at any moment and started again, it goes on where the last stretch ended.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from pyjobs.market.ingest.sources import Sources
from pyjobs.market.providers.krx_board import BoardDay, NoBoard
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.universe import reached
from pyjobs.market.universe.action_file import keep_changes
from pyjobs.market.universe.base_prices import base_changes, before_of
from pyjobs.market.universe.boards import Stretch, store_stretch
from pyjobs.market.universe.by_board import Answer, Boards, daily
from pyjobs.market.universe.due import first_ms, ready_session
from pyjobs.market.universe.gather import Fetching
from utils import trading_day
from utils.errors import NightdeskError
from utils.trading_day import Session

STRETCH = 20  # sessions that are asked for, compared and stored together
SESSIONS_A_JOB = 250  # a year, 500 questions: about a quarter of an hour
FEW = 100  # so many shares are rather asked for by themselves
WORTH = 3  # times as many questions are worth having all shares on the first night instead of some
Day = list[BoardDay]
Progress = Callable[[int, int, str], object]


@dataclass(slots=True, kw_only=True)
class ByBoard:
    """What histories by the board of one exchange are fetched with.

    `follower`: the boards of the session after the next stretch, where they were asked for in this job. `failed`:
    shares with bars that could not be stored; a later job tries them again. `error`: what has ended the questions.
    """

    store: BarStore
    sources: Sources
    boards: Boards
    now_ms: int
    follower: Day | None = None
    failed: dict[str, NightdeskError] = field(default_factory=dict)
    error: NightdeskError | None = None

    def begin(self, new: Sequence[Fetching], *, done: Callable[[Fetching], object]) -> None:
        """Give shares of which nothing is stored their newest stretch, where boards are the way to their history.

        Those that have no trade in it stay open, to be asked for by themselves. A failure ends all of them.
        """
        new = daily(new)
        if len(new) <= FEW:
            return
        starts = {one.want.key.symbol: self._since(one) for one in new}
        sessions = self._sessions(min(starts.values()), ready_session(new[0].want.exchange, self.now_ms / 1000))
        if not sessions or len(sessions) * len(self.boards.names) > WORTH * sum(len(one.windows) for one in new):
            return
        got, newest, self.error = Stretch(), sessions[-1].date, None  # a second pass starts again
        # killed below: who has bars goes back from here
        reached.save(self.boards.exchange, dict.fromkeys(starts, newest))
        try:
            got = self._bring(sessions[-STRETCH:], starts, newest=True)
        except NightdeskError as error:
            self.error = error
        reached.save(self.boards.exchange, {symbol: got.first if symbol in got.newest else None for symbol in starts})
        for one in new:
            self._tell(one, got, done)

    def go_back(self, series: Sequence[Fetching], *, most: int | None, progress: Progress) -> None:
        """Go on with the history of those that are not through, by `most` sessions (None: to the end).

        Nothing of it is due, so a failure is only reported.
        """
        series, left, total, asked = daily(series), most, 0, 0
        while self.error is None and (found := self._next(series, left)) is not None:
            sessions, starts, all_left = found
            total = total or (all_left if most is None else min(all_left, most))
            progress(asked, total, f"{self.boards.exchange}: history before {sessions[-1].date + dt.timedelta(days=1)}")
            try:
                got = self._bring(sessions, starts)
                self._remember(got, starts)
                for one in series:
                    one.new_bars += got.bars.get(one.want.key.symbol, 0)
            except NightdeskError as error:
                self.error = error
            asked += len(sessions)
            left = None if left is None else left - len(sessions)
        if asked:
            progress(total, total, f"{self.boards.exchange}: history")
        self._say(series, asked)

    def _since(self, one: Fetching) -> int:
        """From when on a share's bars are wanted."""
        return first_ms(one.want, need_bars=0, now_ms=self.now_ms)

    def _sessions(self, since_ms: int, last: Session) -> list[Session]:
        """Those that close from `since_ms` to `last`, oldest first, as far as the calendar reaches."""
        calendar = trading_day.load(self.boards.market)
        first = max(dt.datetime.fromtimestamp(since_ms / 1000, dt.UTC).date(), calendar.first)
        found = calendar.sessions_between(first, last.date) if first <= last.date else []
        return [one for one in found if one.close_utc_s * 1000 >= since_ms]

    def _bring(self, sessions: Sequence[Session], starts: Mapping[str, int], *, newest: bool = False) -> Stretch:
        """Ask for sessions (given oldest first), compare them, store their bars; what has come touches the newest.

        After a failure in the middle the newer bars stay, and `error` has it. Raises what is wrong with the answers.
        """
        boards, days, oldest = self.boards, list[Day](), sessions[-1].date
        if not newest and self.follower is None:
            self.follower = self._follower(sessions[-1].date)
        for session, answers in boards.days([one.date for one in reversed(sessions)], self.sources):
            day, error = _day_of(answers)
            if error is not None:
                self.error = error
                break
            oldest = session
            if day:
                days.insert(0, day)
            else:
                boards.shut.add(session)
        if not days:
            return Stretch(first=None if self.error else oldest)
        if newest:
            boards.keep_listing(days[-1][0].session, days[-1])
        follows = [*days, *([self.follower] if self.follower else [])]
        changes = [
            change
            for before, now in pairwise(follows)
            for change in base_changes(before_of(before), now, shut=boards.shut)
        ]
        keep_changes(boards.exchange, changes)  # before the bars: prices without the split between them are wrong
        self.follower = days[0]
        got = store_stretch(self.store, boards.exchange, days, starts)
        got.first = oldest
        self.failed |= got.failed
        return got

    def _follower(self, last: dt.date) -> Day:
        """The boards of the session after `last`, whose bars are stored. Raises what keeps them from being there."""
        calendar = trading_day.load(self.boards.market)
        while True:
            session = calendar.next_session(last).date
            (_, answers) = next(self.boards.days([session], self.sources))
            day, error = _day_of(answers)
            if error is not None:
                raise error
            if day:
                return day
            self.boards.shut.add(session)
            last = session

    def _tell(self, one: Fetching, got: Stretch, done: Callable[[Fetching], object]) -> None:
        """What the first stretch has brought a share."""
        symbol = one.want.key.symbol
        if symbol in got.newest:
            one.newest_ms, one.final, one.error = got.newest[symbol], got.final, None
            one.new_bars += got.bars[symbol]
            one.answered, one.halted = True, symbol in got.idle
        elif symbol in got.failed or self.error is not None:
            one.error = got.failed.get(symbol, self.error)
        else:
            return
        one.asked, one.by_board = one.asked + 1, one.by_board + 1
        one.windows.clear()
        done(one)

    def _next(self, series: Sequence[Fetching], left: int | None) -> tuple[list[Session], dict[str, int], int] | None:
        """The next stretch, the time from which each share of it needs bars, and how many sessions are left in all."""
        if left is not None and left <= 0:
            return None
        known = reached.load(self.boards.exchange)
        some = [one for one in series if one.newest_ms is not None and one.want.key.symbol not in self.failed]
        open_ = {one.want.key.symbol: self._since(one) for one in some if one.want.key.symbol in known}
        if not open_:
            return None
        frontiers = sorted({known[symbol] for symbol in open_}, reverse=True)
        members = {symbol: since for symbol, since in open_.items() if known[symbol] == frontiers[0]}
        last = trading_day.load(self.boards.market).previous_session(frontiers[0])
        sessions = self._sessions(min(members.values()), last)
        if not sessions:
            reached.save(self.boards.exchange, dict.fromkeys(members))
            self.follower = None
            return self._next(series, left)
        whole = len(self._sessions(min(open_.values()), last))
        if len(frontiers) > 1:  # from there on all of them go back together
            sessions = [one for one in sessions if one.date >= frontiers[1]] or sessions
        return sessions[-min(STRETCH, left or STRETCH) :], members, whole

    def _remember(self, got: Stretch, starts: Mapping[str, int]) -> None:
        if got.first is not None:
            stored = starts.keys() - got.failed.keys()
            reached.save(self.boards.exchange, dict.fromkeys(stored, got.first))

    def _say(self, series: Sequence[Fetching], asked: int) -> None:
        known = reached.load(self.boards.exchange)
        mine = {one.want.key.symbol: self._since(one) for one in series if one.want.key.symbol in known}
        why = f"; stopped: {self.error}" if self.error is not None else ""
        if self.failed:
            symbol, error = next(iter(self.failed.items()))
            self.boards.notes.append(f"the history of {len(self.failed)} shares could not be stored: {symbol}: {error}")
        if mine:
            back = max(known[symbol] for symbol in mine)
            last = trading_day.load(self.boards.market).previous_session(back)
            left = len(self._sessions(min(mine.values()), last))
            nights, questions = -(-left // SESSIONS_A_JOB), left * len(self.boards.names)
            self.boards.notes.append(
                f"the history of {len(mine)} shares reaches back to {back}; {left} sessions "
                f"({questions} questions) are left: {nights} more night{'s' if nights > 1 else ''}, "
                f"or at once on a terminal: python -m pyjobs.fetch{self.boards.named}{why}"
            )
        elif asked:
            self.boards.notes.append("the history by the board is complete")


def _day_of(answers: Mapping[str, Answer]) -> tuple[Day, NightdeskError | None]:
    """The boards of one session; none when the exchange was shut; or why they are not all there."""
    days = [each for each in answers.values() if isinstance(each, BoardDay)]
    errors = [each for each in answers.values() if isinstance(each, NightdeskError)]
    if errors and (days or not all(isinstance(each, NoBoard) for each in errors)):
        return [], next((each for each in errors if not isinstance(each, NoBoard)), errors[0])
    return days, None
