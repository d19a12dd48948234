"""Paper loops that decide by the backtest's own lines, and the proof that they did."""
