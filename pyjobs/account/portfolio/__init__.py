"""An account with limits: its orders, fills, costs and currencies."""
