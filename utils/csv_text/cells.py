"""Rows of numbers and labels as the bytes of CSV, written to be compiled (see utils/native).

A float becomes the shortest decimal that reads as it, laid out as Python's `repr` lays it out. The digits are found by
Schubfach: Raffaello Giulietti, "The Schubfach way to render doubles" (2020), section 9. Names are those of the paper.
Every whole number in here is unsigned and has 64 bits, as a product of two of them needs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from utils.native import Bytes, Floats, Ints

Unsigned = Any  # np.uint64

FLOAT, WHOLE, LABEL = 0, 1, 2  # what a column holds; all three are given as float64
COMMA, LINE_END, DOT, MINUS, PLUS, ZERO, LETTER_E = 44, 10, 46, 45, 43, 48, 101
FEWEST, MOST = -4, 16  # where the point may stand in a number without an exponent
LONGEST = 26  # bytes of the longest number, and its comma
LEAST_POWER, GREATEST_POWER = -292, 324  # of ten, in the table that `shortest` is given
EXPONENT_BIAS, FRACTION_BITS = 1075, 52
U0, U1, U2, U4, U10, U32, U40, U100 = (np.uint64(each) for each in (0, 1, 2, 4, 10, 32, 40, 100))
MANY = np.uint64(10**15)  # what is not less has at least 16 digits, as most floats do
LOW_HALF, FRACTION, HIDDEN = np.uint64(0xFFFFFFFF), np.uint64((1 << 52) - 1), np.uint64(1 << 52)


def write_rows(
    cells: Floats, bits: Ints, kinds: Bytes, columns: int, rows: int, powers: Ints, texts: Bytes, starts: Ints,
    found: Ints, out: Bytes,
) -> int:  # fmt: skip
    """Write `rows` lines of `columns` cells each to `out`; how many bytes they are.

    `cells`: the columns one after the other; `bits`: the same memory as integers. `kinds`: FLOAT (empty where it is not
    finite), WHOLE (an integer of at most 2^53, empty where it is not finite) or LABEL (a number in `starts`, which
    holds where in `texts` each begins, and where the last one ends). `powers`: see `shortest`. `found`: room for two.
    """
    at = 0
    for row in range(rows):
        for column in range(columns):
            place = column * rows + row
            value = cells[place]
            if kinds[column] == LABEL:
                for i in range(starts[int(value)], starts[int(value) + 1]):
                    out[at] = texts[i]
                    at += 1
            elif value - value == 0.0:
                if value < 0.0 or (value == 0.0 and kinds[column] == FLOAT and bits[place] != 0):
                    out[at] = MINUS
                    at += 1
                if kinds[column] == WHOLE:
                    at = write_digits(np.uint64(abs(value)), out, at)
                else:
                    at = write_float(np.uint64(bits[place]), powers, found, out, at)
            out[at] = COMMA
            at += 1
        out[at - 1] = LINE_END
    return at


def write_float(bits: Unsigned, powers: Ints, found: Ints, out: Bytes, at: int) -> int:
    """Write the finite float that has these bits, without its sign; where in `out` it ends."""
    exponent, fraction = np.int64((bits >> np.uint64(52)) & np.uint64(0x7FF)), bits & FRACTION
    if exponent == 0 and fraction == U0:
        return write_plain(U0, 1, 1, out, at)
    power = shortest(exponent, fraction, powers, found)
    digits = np.uint64(found[0])
    while digits % U10 == U0:
        digits //= U10
        power += 1
    size = digits_of(digits)
    point = size + power
    if FEWEST < point <= MOST:
        return write_plain(digits, size, point, out, at)
    return write_scientific(digits, size, point, out, at)


def write_plain(digits: Unsigned, size: int, point: int, out: Bytes, at: int) -> int:
    """Write 0.00123, 12.3 or 1230.0: `size` digits, the point after the first `point` of them."""
    if point <= 0:
        out[at], out[at + 1] = ZERO, DOT
        for i in range(-point):
            out[at + 2 + i] = ZERO
        return write_digits(digits, out, at + 2 - point)
    end = write_digits(digits, out, at)
    if point < size:
        for i in range(end, at + point, -1):
            out[i] = out[i - 1]
        out[at + point] = DOT
        return end + 1
    for i in range(point - size):
        out[end + i] = ZERO
    end += point - size
    out[end], out[end + 1] = DOT, ZERO
    return end + 2


def write_scientific(digits: Unsigned, size: int, point: int, out: Bytes, at: int) -> int:
    """Write 1.23e-05 or 1e+16: a sign, and at least two digits of the exponent."""
    end = write_digits(digits, out, at)
    if size > 1:
        for i in range(end, at + 1, -1):
            out[i] = out[i - 1]
        out[at + 1] = DOT
        end += 1
    exponent = point - 1
    out[end], out[end + 1] = LETTER_E, MINUS if exponent < 0 else PLUS
    end += 2
    if abs(exponent) < 10:
        out[end] = ZERO
        end += 1
    return write_digits(np.uint64(abs(exponent)), out, end)


def write_digits(value: Unsigned, out: Bytes, at: int) -> int:
    """Write a whole number; where in `out` it ends."""
    end = at + digits_of(value)
    i = end
    while value >= U10:
        value, pair = value // U100, value % U100
        i -= 2
        out[i], out[i + 1] = ZERO + np.int64(pair // U10), ZERO + np.int64(pair % U10)
    if i > at:
        out[at] = ZERO + np.int64(value)
    return end


def digits_of(value: Unsigned) -> int:
    """How many decimal digits it has; 1 for 0."""
    size, limit = (1, U10) if value < MANY else (16, MANY * U10)
    while size < 19 and value >= limit:
        size += 1
        limit *= U10
    return size


def shortest(exponent: Any, fraction: Unsigned, powers: Ints, found: Ints) -> int:
    """The shortest digits, nearest to a float, that read as it: `found[0]`; returns their power of ten.

    The float is given by the two fields of its bits and is not 0. `powers`: for each power of ten from LEAST_POWER on
    the high and the low 64 bits of its 128 leading bits, rounded up.
    """
    regular = fraction != U0 or exponent <= 1
    c = fraction | HIDDEN if exponent else fraction
    q = (exponent if exponent else 1) - EXPONENT_BIAS
    if 0 <= -q <= FRACTION_BITS and c & ((U1 << np.uint64(-q)) - U1) == U0:
        found[0] = c >> np.uint64(-q)
        return 0
    k = (q * 1262611 - (0 if regular else 524031)) >> 22  # floor(log10(2^q)), of an irregular one log10(3/4 2^q)
    h = np.uint64(q + ((-k * 1741647) >> 19) + 1)
    high, low = np.uint64(powers[2 * (-k - LEAST_POWER)]), np.uint64(powers[2 * (-k - LEAST_POWER) + 1])
    open_end = c & U1
    lower = rounded_to_odd(high, low, (U4 * c - (U2 if regular else U1)) << h) + open_end
    v = rounded_to_odd(high, low, (U4 * c) << h)
    upper = rounded_to_odd(high, low, (U4 * c + U2) << h) - open_end
    s = v // U4
    tenth = s // U10
    if s >= U10:
        down, up = lower <= U40 * tenth, U40 * tenth + U40 <= upper
        if down != up:
            found[0] = tenth + U1 if up else tenth
            return k + 1
    down, up = lower <= U4 * s, U4 * s + U4 <= upper
    middle = U4 * s + U2
    rises = up if down != up else v > middle or (v == middle and s & U1 == U1)
    found[0] = s + U1 if rises else s
    return k


def rounded_to_odd(high: Unsigned, low: Unsigned, factor: Unsigned) -> Unsigned:
    """The 64 bits above 2^128 of (high 2^64 + low) * factor, the last of them set where anything is below."""
    middle = product_high(low, factor)
    below = high * factor
    above = product_high(high, factor)
    total = below + middle
    if total < below:
        above += U1
    return above | U1 if total > U1 else above


def product_high(a: Unsigned, b: Unsigned) -> Unsigned:
    """The upper half of the 128 bits of a product."""
    a_high, a_low, b_high, b_low = a >> U32, a & LOW_HALF, b >> U32, b & LOW_HALF
    middle = a_high * b_low + ((a_low * b_low) >> U32)
    rest = a_low * b_high + (middle & LOW_HALF)
    return a_high * b_high + (middle >> U32) + (rest >> U32)
