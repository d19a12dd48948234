"""A short cut is taken only where the kernel's step changes nothing, and ages a position as the kernel does."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pyjobs.account.portfolio import memory, order_admission, seats
from pyjobs.strategy import kernel, riding

DRAWN = np.random.default_rng(5)


def states(n: int) -> list[list[float]]:
    """Positions about a price of 100, some that are to leave, some with an order; NaN where there is no level."""
    found = []
    for number in range(n):
        state = [0.0] * kernel.STATE
        side = 1.0 if number % 2 else -1.0
        state[kernel.SIDE], state[kernel.HELD] = side, float(DRAWN.integers(0, 6))
        state[kernel.STOP] = math.nan if number % 3 == 0 else 100.0 - side * float(DRAWN.integers(0, 4))
        state[kernel.TARGET] = math.nan if number % 5 == 0 else 100.0 + side * float(DRAWN.integers(0, 4))
        state[kernel.TRAIL] = 2.0 if number % 7 == 0 else math.nan
        state[kernel.EXIT] = kernel.BY_SIGNAL if number % 11 == 0 else 0.0
        state[kernel.ORDER] = -side if number % 13 == 0 else 0.0
        found.append(state)
    return found


@pytest.mark.parametrize("price", [97.0, 99.0, 100.0, 101.0, 103.0, math.nan])
def test_a_position_rides_where_the_kernel_leaves_it_as_it_is(price: float) -> None:
    taken = 0
    for state in states(200):
        out = [0.0] * kernel.TRADE
        rules = [0.0] * kernel.RULES
        side, stop, target = state[kernel.SIDE], state[kernel.STOP], state[kernel.TARGET]
        waits = state[kernel.EXIT] != 0.0 or state[kernel.ORDER] != 0.0
        if riding.rides_open(side, stop, target, waits, price):
            after = list(state)
            kernel.at_open(after, rules, 1.0, price, out, 0)
            np.testing.assert_array_equal(after, state)
            taken += 1
        if price == price and riding.rides_range(side, stop, target, price + 1, price - 1):
            after = list(state)
            kernel.in_range(after, 1.0, price + 1, price - 1, out, 0)
            np.testing.assert_array_equal(after, state)
            taken += 1
    assert taken


@pytest.mark.parametrize("told", [False, True])
def test_a_position_ages_as_the_kernel_ages_it(told: bool) -> None:
    aged = 0
    for state in states(200):
        rules = [0.0] * kernel.RULES
        rules[kernel.MAX_BARS] = 4.0
        room = memory.Room(list(state), list(rules))
        seat = memory.Seats(*([math.nan] for _ in memory.Seats._fields))
        seats.put_back(seat, 0, room)
        seat.max_bars[0], seat.trail_fraction[0] = 4.0, 0.0
        took_over = order_admission.ages(seat, 0, told)
        seats.take_out(seat, 0, room)
        after = list(state)
        if took_over:
            bits = (kernel.LEAVE_LONG if state[kernel.SIDE] > 0 else kernel.LEAVE_SHORT) if told else 0
            kernel.at_close(after, rules, 2.0, 101.0, 99.0, 0.0, bits, math.nan, math.nan, math.nan, math.nan)
            aged += 1
        np.testing.assert_array_equal(room.s, after)
    assert aged > 50
