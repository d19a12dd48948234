"""The bar store: partitions on disk, how new bars meet stored ones, and how a re-adjusted series takes its place."""

from pyjobs.market.store.bar_store import BarStore

__all__ = ["BarStore"]
