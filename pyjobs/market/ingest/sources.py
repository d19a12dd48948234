"""Whom a job may ask, with the machine-wide state, the retries and ALLOW_NET_FETCH, and one budget for all of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from pyjobs.market.bars import SeriesKey
from pyjobs.market.desk import listings
from pyjobs.market.exchanges import Exchange, load_exchanges, series_key
from pyjobs.market.ingest.instances import Instance
from pyjobs.market.ingest.questions import is_an_answer
from pyjobs.market.ingest.series_source import SeriesSource
from pyjobs.market.providers import BarRequest, Fetched, Provider, provider
from pyjobs.market.providers.asking.ask import ask
from pyjobs.market.providers.asking.ask_many import Answered, ask_many
from pyjobs.market.providers.asking.circuit_breaker import ProviderStates, State
from pyjobs.market.providers.asking.retry_budget import RetryBudget, TimeLost, interactive, retry_budget
from pyjobs.market.providers.asking.stop import WORTH_ANOTHER_TRY
from pyjobs.market.providers.base import NotAsked
from pyjobs.market.providers.krx_board import NAME as KRX_SHARES
from pyjobs.market.providers.krx_board import BoardDay
from pyjobs.market.providers.krx_stock import BoardAsked, KrxStock, ask_boards
from pyjobs.market.providers.quotes import Quote, ask_quotes, has_quotes
from utils import clock
from utils.errors import ConfigError, ExternalDataUnavailable, MissingInputError, NightdeskError
from utils.settings import config

ENDINGS = {"KOSPI": ".KS", "KOSDAQ": ".KQ"}
"""What Yahoo puts behind KRX's codes, by board; it has no share of KONEX."""


class Sources:
    """The providers of one job's series. `tell` gets a line before each wait, which may then be long; without it the
    job is a `scheduled` one, with little time.

    A scheduled job makes two passes: `only_healthy` first, then the rest in the order of `in_turn`.
    """

    def __init__(self, tell: Callable[[str], object] | None = None) -> None:
        self._skip_unhealthy = False
        self.scheduled = tell is None
        self._exchanges = load_exchanges(config.own_or_default("exchanges.yaml"))
        self._states, self._providers = ProviderStates(), dict[str, Provider]()
        how = partial(interactive, tell) if tell else retry_budget
        self._waiting = partial(how, began_s=clock.running_s(), time_lost=TimeLost())

    def key(self, instance: Instance) -> SeriesKey:
        """The series of an instance. Raises UsageError for what there is not, ConfigError for a file that is none."""
        if instance.fault:
            raise ConfigError(instance.fault)
        return series_key(
            self._exchanges, exchange=instance.exchange, symbol=instance.symbol, timeframe=instance.timeframe
        )

    def of(self, key: SeriesKey) -> SeriesSource:
        """Whom to ask about a series. Raises ConfigError for an unknown provider."""
        exchange, made = self._exchanges[key.exchange], self._provider_of(key.exchange)
        currency = "" if exchange.market == "FX" else exchange.currency  # a currency's price is in any other

        def put(request: BarRequest) -> Fetched:
            request = replace(request, currency=request.currency or currency)
            return ask(made, request, states=self._states, budget=self._retry_budget())

        return SeriesSource(
            market=exchange.market, page_bars=exchange.page_bars, page_days=exchange.page_days, ask=put,
            silent_ms=exchange.silent_ms, letters_count=exchange.letters_count,
        )  # fmt: skip

    def ask_many(self, exchange: str, requests: Sequence[BarRequest]) -> Iterator[Answered]:
        """Each request with its answer or its error, in the order they come; all of one exchange."""
        made = self._provider_of(exchange)
        return ask_many(made, requests, states=self._states, budget=self._retry_budget())

    def ask_boards(
        self, exchange: str, asked: Sequence[BoardAsked]
    ) -> Iterator[tuple[BoardAsked, BoardDay | NightdeskError]]:
        """Each (board, session) of an exchange whose provider has boards, with its shares or its error."""
        made = self._provider_of(exchange)
        assert isinstance(made, KrxStock), "no other provider has boards"
        return ask_boards(made, asked, states=self._states, budget=self._retry_budget())

    def has_quotes(self, exchange: str) -> bool:
        """Whether the exchange's provider can be asked what is traded now."""
        return exchange in self._exchanges and has_quotes(self._quoting(exchange).provider)

    def quotes(self, exchange: str, symbols: Sequence[str]) -> dict[str, Quote | NightdeskError]:
        """A quote, or the reason why there is none, for each symbol of one exchange.

        Where another exchange delivers the quote, symbols that it does not have are left out: their price is not known.
        """
        at, names = (
            self._quoting(exchange),
            quoted_as(exchange, self._exchanges[exchange], symbols, now_s=clock.now_s()),
        )
        found = ask_quotes(
            at.provider,
            list(names.values()),
            states=self._states,
            budget=self._retry_budget(),
            market=at.market,
            currency=at.currency,
        )
        elsewhere = bool(self._exchanges[exchange].quotes)
        return {symbol: found[name] for symbol, name in names.items() if not (elsewhere and _is_not_known(found[name]))}

    def _quoting(self, exchange: str) -> Exchange:
        """The provider of today's prices at an exchange."""
        return self._exchanges[self._exchanges[exchange].quotes or exchange]

    def state(self, key: SeriesKey) -> State:
        """The state of the providers of a series."""
        any_request = BarRequest(symbol=key.symbol, timeframe=key.timeframe, start_ms=0, end_ms=0)
        return self._states.read(self._provider_of(key.exchange).rate_limit_group(any_request))

    @contextmanager
    def only_healthy(self) -> Iterator[None]:
        """The first pass of a scheduled job: it waits for no provider, and skips each whose last request failed."""
        self._skip_unhealthy = self.scheduled
        try:
            yield
        finally:
            self._skip_unhealthy = False

    def can_wait(self, error: NightdeskError) -> bool:
        """Whether another try later in this job may help."""
        if not isinstance(error, ExternalDataUnavailable):
            return False
        return isinstance(error, NotAsked) or error.kind in WORTH_ANOTHER_TRY

    def in_turn(self, put_off: Mapping[Instance, NightdeskError]) -> list[Instance]:
        """The order for those that can wait: who has been left alone longest is asked first, those who failed last.

        Rotate each provider's series by its failure count, so that one bad series cannot starve the rest.
        """
        groups: dict[str, list[Instance]] = {}
        known: dict[str, State] = {}
        for one, error in put_off.items():
            if isinstance(error, NotAsked):
                state = self.state(self.key(one))
                known.setdefault(state.provider, state)
                groups.setdefault(state.provider, []).append(one)
        order: list[Instance] = []
        for rate_limit_group in sorted(groups, key=lambda name: known[name].last_failure_s):
            cut = known[rate_limit_group].failures % len(groups[rate_limit_group])
            order += groups[rate_limit_group][cut:] + groups[rate_limit_group][:cut]
        return [*order, *(one for one in put_off if one not in order)]

    def _provider_of(self, exchange: str) -> Provider:
        if exchange not in self._providers:
            self._providers[exchange] = provider(self._exchanges[exchange].provider)
        return self._providers[exchange]

    def _retry_budget(self) -> RetryBudget:
        own = self._waiting()
        return replace(own, deadline_s=own.now(), tries=1, skip_unhealthy=True) if self._skip_unhealthy else own


def _is_not_known(answer: Quote | NightdeskError) -> bool:
    """Whether the provider was asked and has no such symbol."""
    return isinstance(answer, ExternalDataUnavailable) and is_an_answer(answer)


def quoted_as(exchange: str, of: Exchange, symbols: Sequence[str], *, now_s: float) -> dict[str, str]:
    """The name of each symbol where its quotes come from; of KRX's shares by the board of its newest listing.

    Without a listing a share is looked for on KOSPI: a code of the other board is unknown there, never another share.
    """
    if not of.quotes or of.provider != KRX_SHARES:
        return {symbol: symbol for symbol in symbols}
    try:
        boards = {row.symbol: row.board for row in listings.newest(exchange, market=of.market, now_s=now_s).rows}
    except MissingInputError:
        boards = {}
    return {symbol: symbol + ENDINGS.get(boards.get(symbol, ""), ENDINGS["KOSPI"]) for symbol in symbols}
