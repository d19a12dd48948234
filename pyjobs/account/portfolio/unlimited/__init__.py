"""An account without limits: each series is followed alone, and the money is counted afterwards."""
