"""krx_ma200 decided once a month, under a name of its own, so that a desk can have both."""

from __future__ import annotations

from functools import partial

from pyjobs.strategy.entry import Entry
from pyjobs.strategy.library.krx_ma200 import RANGES, KrxMa200

ENTRY = Entry(make=partial(KrxMa200, monthly=1), ranges=RANGES, names=("index",))
