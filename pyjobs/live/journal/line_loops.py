"""The lines of a whole journal, checked and taken apart in one pass; written to be compiled (see utils/native).

Whatever is not plain (a byte that is no printable ASCII, a time that is no number, a checksum that does not fit) is not
judged here: the caller reads those files line by line, and names what is wrong.
"""

from __future__ import annotations

from utils.native import Bytes, Floats, Ints, Shorts

COMMA, LINE_END, MINUS, DOT, ZERO, BLANK, LETTER_A, LETTER_E, PLUS = 44, 10, 45, 46, 48, 32, 97, 101, 43
SEAL = 8  # hex digits of a checksum
ALL_ONES = 0xFFFFFFFF
TABLES = 8  # of a checksum that takes eight bytes at once
EXACT_DIGITS = 15  # as a whole number a float holds so many digits exactly, and 10^22 too


def scan(
    text: Bytes, start: int, size: int, width: int, time_cell: int, step: int, tables: Ints, ends: Shorts, times: Ints
) -> int:
    """Check the lines of text[start:size], each of `width` cells; their number, or -1 where one is not plain.

    `ends`: where each cell of each line ends; `times`: its close. `step`: by how much a close must be newer than the
    one before; below zero: in any order. `tables`: 256 numbers for each of TABLES.
    """
    row, cell, begins, i = 0, 0, start, start
    while i < size:
        c = text[i]
        if c in (COMMA, LINE_END):
            if cell == width or (c == LINE_END and cell != width - 1):
                return -1
            ends[row * width + cell] = i
            cell += 1
            if c == LINE_END:
                if not is_sealed(text, begins, i, row == 0, tables):
                    return -1
                t = whole_number(text, ends[row * width + time_cell - 1] + 1, ends[row * width + time_cell])
                if t < 0 or (row > 0 and step >= 0 and t < times[row - 1] + step):
                    return -1
                times[row] = t
                row, cell, begins = row + 1, 0, i + 1
        elif c < BLANK:
            return -1
        i += 1
    return row


def is_sealed(text: Bytes, begins: int, end: int, is_first: bool, tables: Ints) -> bool:
    """Whether the line [begins, end) ends in the checksum of the line before and of all of its own bytes before the
    last comma.
    """
    at = end - SEAL
    if at - 1 < begins or text[at - 1] != COMMA:
        return False
    crc = ALL_ONES
    if not is_first:
        crc = summed(text, begins - 1 - SEAL, begins - 1, crc, tables)
    crc = tables[(crc ^ COMMA) & 255] ^ (crc >> 8)
    crc = summed(text, begins, at - 1, crc, tables) ^ ALL_ONES
    for k in range(SEAL):
        digit = (crc >> (4 * (SEAL - 1 - k))) & 15
        if text[at + k] != (ZERO + digit if digit < 10 else LETTER_A + digit - 10):
            return False
    return True


def summed(text: Bytes, start: int, end: int, crc: int, tables: Ints) -> int:
    """The CRC-32 of zlib over text[start:end], going on from `crc`; before its last complement."""
    i = start
    while i + TABLES <= end:
        low = crc ^ ((text[i] & 255) | (text[i + 1] & 255) << 8 | (text[i + 2] & 255) << 16 | (text[i + 3] & 255) << 24)
        crc = (
            tables[1792 + (low & 255)]
            ^ tables[1536 + (low >> 8 & 255)]
            ^ tables[1280 + (low >> 16 & 255)]
            ^ tables[1024 + (low >> 24)]
            ^ tables[768 + (text[i + 4] & 255)]
            ^ tables[512 + (text[i + 5] & 255)]
            ^ tables[256 + (text[i + 6] & 255)]
            ^ tables[text[i + 7] & 255]
        )
        i += TABLES
    while i < end:
        crc = tables[(crc ^ text[i]) & 255] ^ (crc >> 8)
        i += 1
    return crc


def whole_number(text: Bytes, start: int, end: int) -> int:
    """The number of up to fifteen digits at that place; -1 for anything else."""
    if not 0 < end - start <= EXACT_DIGITS:
        return -1
    value = 0
    for i in range(start, end):
        digit = text[i] - ZERO
        if not 0 <= digit <= 9:
            return -1
        value = value * 10 + digit
    return value


def read_floats(
    text: Bytes, ends: Shorts, rows: int, width: int, first: int, count: int, tens: Floats, out: Floats, left: Ints
) -> int:
    """The cells `first` … of each line as floats, column by column; how many could not be read so: `left` has which.

    A decimal of up to fifteen digits is one exact whole number divided by an exact power of ten, and so rounded once.
    `tens`: the powers. `left`: cells as row * count + column.
    """
    unread = 0
    for row in range(rows):
        for column in range(count):
            place = row * width + first + column
            i, end = ends[place - 1] + 1, ends[place]
            is_below = i < end and text[i] == MINUS
            if is_below:
                i += 1
            value, digits, after, is_number = 0, 0, -1, i < end
            while i < end:
                digit = text[i] - ZERO
                if text[i] == DOT and after < 0 < digits:
                    after = 0
                elif 0 <= digit <= 9:
                    value, digits = value * 10 + digit, digits + 1
                    if after >= 0:
                        after += 1
                else:
                    is_number = False
                    break
                i += 1
                if digits > EXACT_DIGITS:
                    is_number = False
                    break
            if is_number and digits > 0 and after != 0 and (value > 0 or not is_below):
                number = float(value) / tens[after if after > 0 else 0]
                out[column * rows + row] = -number if is_below else number
            else:
                left[unread] = row * count + column
                unread += 1
    return unread


def plain_numbers(text: Bytes, ends: Shorts, rows: int, width: int, columns: Ints, count: int, dashed: int) -> int:
    """How many of the first rows have in each of those columns a number, as `is_number` defines it; or in `dashed` a
    minus.
    """
    for row in range(rows):
        for c in range(count):
            place = row * width + columns[c]
            i, end = ends[place - 1] + 1, ends[place]
            is_dash = columns[c] == dashed and end - i == 1 and text[i] == MINUS
            if not is_dash and not is_number(text, i, end):
                return row
    return rows


def is_number(text: Bytes, begins: int, end: int) -> bool:
    """Whether digits stand there, with a minus, a point among them and an exponent at most: as a journal has them."""
    i = past_sign(text, begins, end, MINUS)
    after = past_digits(text, i, end)
    if after == i:
        return False
    if after < end and text[after] == DOT:
        i, after = after + 1, past_digits(text, after + 1, end)
        if after == i:
            return False
    if after < end and text[after] == LETTER_E:
        i = past_sign(text, after + 1, end, MINUS)
        if i == after + 1:
            i = past_sign(text, i, end, PLUS)
        after = past_digits(text, i, end)
        if after == i:
            return False
    return after == end


def past_sign(text: Bytes, i: int, end: int, sign: int) -> int:
    """Where what follows begins."""
    return i + 1 if i < end and text[i] == sign else i


def past_digits(text: Bytes, i: int, end: int) -> int:
    """Where they end."""
    while i < end and 0 <= text[i] - ZERO <= 9:
        i += 1
    return i


def alike(
    a: Bytes, a_ends: Shorts, a_rows: Ints, b: Bytes, b_ends: Shorts, b_rows: Ints, n: int, width: int,
    first: int, last: int, out: Bytes,
) -> int:  # fmt: skip
    """Whether the cells [first, last) of each pair of rows are the same bytes, into `out`; how many pairs are not."""
    apart = 0
    for k in range(n):
        x, y = a_rows[k] * width, b_rows[k] * width
        i, j = a_ends[x + first - 1], b_ends[y + first - 1]
        size = a_ends[x + last - 1] - i
        same = size == b_ends[y + last - 1] - j
        m = 0
        while same and m < size:
            same = a[i + m] == b[j + m]
            m += 1
        out[k] = 1 if same else 0
        apart += 0 if same else 1
    return apart
