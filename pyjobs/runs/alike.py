"""Many checks that say the same of as many series, in one line: a desk of a whole market has 2 700 of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

MANY = 30  # so many lines that say the same may be read; of more, a few names are
EXAMPLES = 3
C = TypeVar("C", bound=NamedTuple)


def collapsed(checks: Iterable[C]) -> Iterator[C]:
    """One check in place of more than MANY alike, of those named `data EXCHANGE:SYMBOL:TIMEFRAME`.

    Alike are those of one exchange and timeframe with the same `state` and `detail`.
    """
    groups: dict[tuple[Any, ...], list[C]] = {}
    for check in checks:
        of = check._asdict()
        exchange, _, rest = of["name"].partition(":")
        groups.setdefault((exchange, rest.rpartition(":")[2], of["state"], of["detail"]), []).append(check)
    for (exchange, timeframe, _, detail), alike in groups.items():
        if len(alike) <= MANY:
            yield from alike
            continue
        names = [one._asdict()["name"].partition(":")[2].rpartition(":")[0] for one in alike[:EXAMPLES]]
        told = f"{len(alike)} series ({', '.join(names)} …): {detail}"
        yield alike[0]._replace(name=f"{exchange}:{timeframe}", detail=told)
