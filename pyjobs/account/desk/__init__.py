"""Strategies on a desk: backtests, sweeps, walk-forward."""
