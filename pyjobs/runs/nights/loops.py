"""How the paper loops stood when the night's reports were made: reports/live.json, the table that `live` found."""

from __future__ import annotations

from pyjobs.live.golive.table import DAY_S, Gate, GoLive, Mark, Standing

__all__ = ["DAY_S", "FILE", "Gate", "GoLive", "Mark", "Standing"]

FILE = "reports/live.json"  # there is none without a loop
