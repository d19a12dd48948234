"""Whether live and backtest took the same decisions on the same bars; where not, the first bar and the cause."""
