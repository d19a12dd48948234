"""Hostile values, for every reader: texts, names, numbers, files and YAML that somebody may put in our way.

Each is made here, by name; a generator (`texts`) makes as many more as a long proof wants, from a seed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

TEXTS = {
    "nothing": "",
    "a blank": " ",
    "line ends": "a\nb\r\nc\rd\x0be\x0cf\x85g\u2028h\u2029i",
    "an end record": "x\n2026-11-20 12:00:00 [END] ok: exit 0 after 1 try, 0.1 s",
    "terminal escapes": "\x1b[2J\x1b]0;title\x07\x1b[31m\x9b31m",
    "a bell and a backspace": "abc\b\b\b\x07",
    "a NUL": "a\0b",
    "bidi marks": "abc\u202egnp.exe\u2066\u2069\u200f",
    "zero width": "a\u200b\u200d\ufeffb",
    "half a pair": "\ud800\udfff",
    "a private letter": "\ue000\U0010ffff",
    "20 kB": "x" * 20_000,
    "20 kB of line ends": "\n" * 20_000,
    "HTML": "<script>alert(1)</script><img src=http://192.0.2.1/x.png onerror=alert(1)>",
    "Markdown": "![x](http://192.0.2.1/x.png) [y](javascript:alert(1)) ](z) `|`",
    "a formula": '=HYPERLINK("http://192.0.2.1","x")',
    "braces": "{0} {x!r} %s %(x)s ${HOME} $(id) `id`",
    "a path": "../../etc/passwd",
    "quotes": "'\"`\\",
    "Korean": "삼성전자 005930",
    "emoji": "📈👩‍💻",
}

NAMES = {
    "empty": "",
    "dots": "..",
    "up": "../x",
    "absolute": "/etc/passwd",
    "a slash at its end": "x/",
    "300 letters": "X" * 300,
    "a NUL": "A\0B",
    "a line end": "A\nB",
    "half a pair": "\ud800",
    "a minus": "-rf",
    "reserved": "CON",
}

YAML = {
    "deep lists": "[" * 200_000,
    "deep mappings": "{a: " * 100_000,
    "deep blocks": "- " * 50_000 + "x",
    "a mapping as a key": "{? {a: 1} : 2}",
    "a list as a key": "? [a, b]\n: 2\n",
    "a bomb of aliases": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
    "an alias of itself": "a: &a [*a]",
    "a tag of Python": "a: !!python/object/apply:os.system [id]",
    "5 MB in one value": f"name: {'x' * 5_000_000}",
    "a number of 5000 digits": f"name: {'9' * 5000}",
    "a NUL": "a: \0",
    "no UTF-8": "a: \udcff",
    "two documents": "a: 1\n---\na: 2\n",
    "only a date": "2026-11-20",
    "merge keys": "<<: [1, 2]",
}

ROWS = {
    "a number of 400 digits": "2018-01-24," + "9" * 400 + ",13,9,12,1000",
    "the year 1": "0001-01-01,10,13,9,12,1000",
    "the year 9999": "9999-12-31,10,13,9,12,1000",
    "month 13": "2018-13-01,10,13,9,12,1000",
    "not a number": "2018-01-24,ten,13,9,12,1000",
    "infinity": "2018-01-24,inf,13,9,12,1000",
    "below nothing": "2018-01-24,-10,-9,-13,-12,-1",
    "escapes": "2018-01-24,\x1b[2J,13,9,12,1000",
    "a quote that never ends": '2018-01-24,"10,13,9,12,1000',
    "a field of 200 kB": "2018-01-24," + "1" * 200_000 + ",13,9,12,1000",
    "commas": "," * 100_000,
    "a NUL": "2018-01-24,10\0,13,9,12,1000",
}


def texts(seed: int, count: int) -> Iterator[str]:
    """`count` texts of letters that make trouble, of lengths from 0 to 3000; the same for the same seed."""
    random_ = random.Random(seed)
    alphabet = [
        *"abc019 \t\n\r\0\x1b\x07\x7f\x9b<>&|[](){}!`'\"\\/%$.,;:=-_",
        "\u202e",
        "\u2028",
        "\ud800",
        "가",
        "📈",
        "\ufeff",
    ]
    for _ in range(count):
        yield "".join(random_.choices(alphabet, k=random_.choice((0, 1, 5, 30, 300, 3000))))
