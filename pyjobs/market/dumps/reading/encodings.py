"""A text's bytes as UTF-8: by its mark, its first letters, or a word of its country's price tables."""

from __future__ import annotations

import codecs

from utils.errors import BadDataError

BEGINNING = 1 << 16
PIECE = 1 << 20
WORDS = {  # in which texts come that are not UTF-8, and what stands in their headers
    "cp949": ("일자", "날짜", "종가", "현재가", "거래량", "시가"),  # what data.krx.co.kr exports, 2026-11
    "cp932": ("日付", "終値", "始値"),
    "cp950": ("日期", "收盤", "開盤"),
    "gb18030": ("日期", "收盘", "开盘", "时间"),
    "cp1252": ("Eröffnung", "Stücke", "clôture", "Clôture", "Schluss", "Máximo", "Mínimo", "Öppen"),
    "cp1250": ("Zamknięcie", "Najwyższy"),
    "cp1251": ("Дата", "Цена"),
    "cp1254": ("Açılış",),
}
LETTERS = 32  # bytes that show an encoding without its mark
KOREAN = ("cp949",)


def decoded(label: str, content: bytes) -> bytes:
    """The content as UTF-8 without a byte-order mark. Raises BadDataError for what is not text."""
    if wide := _wide(content):
        try:
            return content.decode(wide).encode()
        except UnicodeDecodeError as error:
            raise BadDataError(f"{label}: not a text file (byte {error.start} is not {wide.upper()})") from None
    if b"\0" in content:
        raise BadDataError(f"{label}: not a text file (NUL at byte {content.index(0)})")
    try:
        _check_utf8(content)
    except UnicodeDecodeError as error:
        return _in_another_encoding(label, content, error.start)
    return content.removeprefix(b"\xef\xbb\xbf")


def _wide(content: bytes) -> str:
    """The encoding of two or four bytes a letter that a text has, by its mark or its first letters; "" for others."""
    if content[:4] in (b"\xff\xfe\0\0", b"\0\0\xfe\xff"):
        return "utf-32"
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    first = content[:LETTERS]
    for encoding, zeros, letters in (("utf-16-le", first[1::2], first[::2]), ("utf-16-be", first[::2], first[1::2])):
        if len(first) == LETTERS and not zeros.strip(b"\0") and letters.isascii() and b"\0" not in letters:
            return encoding
    return ""


def _in_another_encoding(label: str, content: bytes, start: int) -> bytes:
    """The content as UTF-8: by the encoding in which its beginning has a word of a price table."""
    found = ""
    for encoding, words in WORDS.items():
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if any(word in text[:BEGINNING] for word in words):
            return text.encode()
        found = found or encoding
    if found in KOREAN:
        return content.decode(found).encode()
    what = f"byte {start} is not UTF-8, nor a text of a price file in {', '.join(map(str.upper, WORDS))}"
    raise BadDataError(f"{label}: not a text file ({what}): save it as UTF-8")


def _check_utf8(content: bytes) -> None:
    """Raises UnicodeDecodeError for what is no UTF-8; a piece at a time, as a text takes as much memory again."""
    if content.isascii():
        return
    decoder, at = codecs.getincrementaldecoder("utf-8")(), 0
    for at in range(0, len(content), PIECE):
        try:
            decoder.decode(content[at : at + PIECE], final=at + PIECE >= len(content))
        except UnicodeDecodeError as error:
            content.decode("utf-8")  # its error holds the place
            raise error from None
