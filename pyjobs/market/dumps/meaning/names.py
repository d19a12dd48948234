"""How files call their columns, small and without spaces and marks (`fields.column`); and one field under two names."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from pyjobs.market.bars import DAY_MS, TIMEFRAME_MS
from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.dumps.reading.fields import column, is_time, number
from pyjobs.market.dumps.reading.grid import Grid, has_gaps
from pyjobs.market.dumps.reading.stamps import BAD, order_of, stamps
from utils.errors import BadDataError

STARTS = (
    *("timeperiodstart", "opentime", "timeopen", "startat", "startsat", "startedat", "starttime", "timestart"),
    *("begintime", "windowstart", "candlebegintime"),
)
"""Names of the time at which a bar begins."""
ENDS = ("timeperiodend", "closetime", "timeclose", "endat", "endtime", "timeend", "windowend")
"""Names of the time at which it ends; taken for its time only where there is no other."""
CLOCKS = frozenset(
    {"시간", "時刻", "時間", "hora", "uhrzeit", "heure", "ora", "время", "saat", "godzina", "tijd", "klockan"}
)
"""Names of a time of day, next to a date."""
PERIOD_WORDS = ("period", "interval", "timeframe", "granularity", "resolution")
"""Names under which a file gives the length of its bars."""
CODES = (
    *("symbol", "ticker", "stock", "tic", "instrument", "code", "종목코드", "티커", "단축코드", "证券代码", "股票代码"),
    *("tscode", "mnemonic", "instid", "pair", "currencypair", "productid", "ric", "srtncd", "stckshrniscd", "stkcd"),
    *("tickersymbol", "secid", "stockcode", "symbolcode", "tradingsymbol", "銘柄コード", "コード", "證券代號"),
    *("tckrsymb", "ativo", "stockid", "orderbookid"),
)
IDENTIFIERS = ("isin", "isincode", "isincd", "isinno", "표준코드")
COLUMN_NAMES: dict[str, tuple[str, ...]] = {  # of several that a file has, the first named here is taken
    "time": (
        *("unix", "unixtimestamp", "ts", "mts", *STARTS, "timestamp", "datetime", "dtyyyymmdd", "date", "time"),
        *("tradedate", "observationdate", "t", "day", "candledatetimeutc", "begins", "timeest", "timecet"),
        *(
            "timelocal",
            "datum",
            "날짜",
            "일자",
            "거래일",
            "거래일자",
            "기준일",
            "기준일자",
            "基準日",
            "일시",
            "체결시간",
            "日付",
            "日期",
        ),
        *("交易日期", "timekey", "tsevent", "datadate", "dates", "date1", "dateymd", "datedmy", "datemdy", "basdt"),
        *("日付け", "дата", "tarih", "data", *ENDS),
        *("기준시간", "기준일시", "时间", "traddt", "fecha"),
    ),
    "open": (
        *("open", "o", "openprice", "openingprice", "priceopen", "시가", "시작가", "오픈", "eröffnung", "ouv"),
        *("ouverture", "始値", "开盘", "開盤價", "pxopen", "prcod", "openprc", "erster", "mkp"),
        *("开盘价", "откр", "açılış", "otwarcie", "öppen"),
        *("abertura", "apertura", "opnpric", "stckoprc"),
    ),
    "high": (
        *("high", "h", "highprice", "pricehigh", "max", "고가", "hoch", "haut", "高値", "最高", "最高價", "pxhigh"),
        *(
            "prchd",
            "askhi",
            "tageshoch",
            "hipr",
            "高",
            "最高价",
            "макс",
            "yüksek",
            "najwyższy",
            "najwyzszy",
            "hoog",
            "högst",
        ),
        *("máximo", "máxima", "massimo", "maximo", "maxima", "hghpric"),
    ),
    "low": (
        *("low", "l", "lowprice", "pricelow", "min", "저가", "tief", "bas", "安値", "最低", "最低價", "pxlow"),
        *(
            "prcld",
            "bidlo",
            "tagestief",
            "lopr",
            "低",
            "最低价",
            "мин",
            "düşük",
            "najniższy",
            "najnizszy",
            "laag",
            "lägst",
        ),
        *("mínimo", "mínima", "minimo", "minima", "lwpric"),
    ),
    "close": (
        *(
            "close",
            "closeclosepriceadjustedforsplits",
            "c",
            "closeprice",
            "priceclose",
            "last",
            "closelast",
            "종가",
            "현재가",
            "schluss",
        ),
        *("schlusskurs", "clot", "clôture", "終値", "收盘", "收盤價", "pxlast", "prccd", "prc", "closingprice"),
        *("clpr", "zuletzt", "latest", "收盘价", "цена", "şimdi", "kapanış", "zamknięcie", "zamkniecie", "ostatnio"),
        *("laatst", "slotkoers", "senaste"),
        *("fechamento", "cierre", "chiusura", "último", "ultimo", "clspric"),
    ),
    "adj_close": (
        *("adjclose", "adjustedclose", "adjcloseprice", "closeadj", "adjusted"),
        "adjcloseadjustedclosepriceadjustedforsplitsanddividendandorcapitalgaindistributions",
        *("수정종가", "수정주가", "調整後終値"),
    ),
    "adj_volume": ("adjvolume", "adjustedvolume"),
    "volume": (
        *("volume", "vol", "v", "tradevolume", "basevolume", "basetokenvolume", "volumefrom", "realvolume"),
        *("volumetraded", "sharestraded", "noofshares", "tottrdqty", "totaltradedquantity", "stuecke", "stücke"),
        *("volumen", "거래량", "누적거래량", "出来高", "成交量", "成交股數", "pxvolume", "totalvolume"),
        *("cumulativevolume", "ttltrdqnty", "jdiffvol", "cshtrd", "trqu", "numberofshares", "売買高", "売買高株"),
        *("volumeshares", "volumeinshares", "거래량주", "成交量股", "出来高株", "quantity", "qty", "tradedquantity"),
        *("交易量", "объём", "объем", "hac", "hacim", "wol", "wolumen", "volym"),
        *("tradingvolume", "ttltradgvol", "quantidade", "volumetraded"),
    ),
    "series": ("series", "sctysrs"),
    "ticks": ("tickvolume", "tickvol"),
    "symbol": (
        *(*CODES, *IDENTIFIERS, "instrumentname", "name", "종목", "종목명", "company", "companyname", "security"),
        *("securityname", "securitydesc", "issuer", "issuername", "comnam", "longname", "shortname", "itmsnm"),
        *("asset", "coin", "coinname", "crypto", "cryptocurrency", "basecurrency", "baseasset"),
        *("htskorisnm", "회사명", "기업명", "stockname", "銘柄名", "证券名称", "股票名称", "名称", "證券名稱"),
    ),
    "split": ("splitcoefficient", "splitfactor", "splitratio", "stocksplits"),
    "period": ("per", *PERIOD_WORDS),
    "currency": ("currency", "ccy", "통화", "devise", "währung", "waehrung", "moneda", "货币", "通貨"),
    "complete": ("complete", "confirm", "iscomplete", "isclosed", "isfinal", "closed", "final"),
}
FIELD_OF = {spelling: (name, rank) for name, them in COLUMN_NAMES.items() for rank, spelling in enumerate(them)}
RANKED = frozenset({"time", "volume", "symbol", "split", "ticks", "period", "series", "complete", "currency"})
"""Fields of which a file may have several: the first is taken, a finding names the others."""
SAMPLE = 500  # rows from either end that are held against each other
APART_MS = 2 * DAY_MS  # further apart than a bar and this, two times of one row are not of one bar
BEFORE = frozenset({"prevclose", "previousclose"})
ONE_VOLUME = frozenset({"volume", "vol", "v"})
ROUNDED = 1e-6
Candidates = Sequence[tuple[int, int]]  # (rank, column)


def own_name(name: str, names: Sequence[str]) -> str:
    """`Close` for pandas' `Close.1` next to a `Close`: two columns had that name."""
    match = re.fullmatch(r"(.+)\.\d{1,2}", name)
    return match[1] if match and match[1] in names else name


def without_last_trades(names: Sequence[str], closes: Candidates) -> list[tuple[int, int]]:
    """The columns of closes without `Last`, where a `Prev Close` shows that `Close` is the day's: India's exchanges."""
    plain = [column(name) for name in names]
    if "close" not in plain or not BEFORE & {*plain}:
        return list(closes)
    return [each for each in closes if plain[each[1]] != "last"]


def tickers_among_times(grid: Grid, times: Candidates) -> list[tuple[int, int]]:
    """Columns `T` that hold words, next to a time `t`: Polygon's tickers of a grouped day."""
    names = grid.names or []
    words = [(rank, at) for rank, at in times if names[at] == "T" and not is_time(_first(grid, at))]
    return words if len(words) < len(times) else []


def refuse_in_turns(grid: Grid, candidates: Candidates) -> None:
    """Raise BadDataError where the first of them has no value and another has: one field by turns."""
    (_, first), *others = candidates
    lacking = [row for row in range(len(grid)) if grid.cell(row, first) == ""] if has_gaps(grid, first) else []
    for _, place in others:
        row = next((row for row in lacking if grid.cell(row, place) != ""), None)
        if row is not None:
            one, two = _names(grid, first, place)
            what = f"{one!r} is empty and {two!r} is not: one field? Write one name, or set `columns: {{volume: NAME}}`"
            raise BadDataError(f"{grid.label}: {grid.unit} {int(grid.lines[row])}: {what}")


def refuse_other_volumes(grid: Grid, candidates: Candidates) -> None:
    """Raise BadDataError where two columns are named for the volume alone, and their numbers are not the same."""
    plain = [place for _, place in candidates if column((grid.names or [])[place]) in ONE_VOLUME]
    for place in plain[1:]:
        for row in _sample(grid):
            one, two = grid.cell(row, plain[0]), grid.cell(row, place)
            if _differ(one, two):
                raise _two(grid, row, "volume", plain[0], place, one, two)


def refuse_other_times(grid: Grid, chosen: int, candidates: Candidates, instrument: Instrument) -> None:
    """Raise BadDataError where another column of times is of other days than the one that is taken.

    One that stands still next to it is of when the file was made, and the ends of bars are judged elsewhere.
    """
    rows = _sample(grid)
    own = _times(grid, chosen, rows, instrument) if rows else None
    for _, place in candidates:
        if place == chosen or column((grid.names or [])[place]) in (*ENDS, *STARTS) or own is None:
            continue
        other = _times(grid, place, rows, instrument)
        if other is None or (np.unique(other).size == 1 and np.unique(own).size > 1):
            continue
        far = np.flatnonzero(np.abs(other - own) > TIMEFRAME_MS[instrument.timeframe] + APART_MS)
        if far.size:
            row = rows[int(far[0])]
            raise _two(grid, row, "time", chosen, place, grid.cell(row, chosen), grid.cell(row, place))


def stands_still(grid: Grid, place: int) -> bool:
    """Whether all rows have one value: the time of when the file was made."""
    return len(grid) > 1 and len(grid.columns[place].unique()) == 1


def _times(grid: Grid, place: int, rows: list[int], instrument: Instrument) -> np.ndarray | None:
    """The times of those rows (ms); None where not all of them are dates or times."""
    cells = grid.columns[place].take(rows)
    try:
        st = stamps(cells, instrument.dates or order_of(cells))
    except ValueError:
        return None
    return st.ms if len(st.ms) and not st.errors and not (st.kind == BAD).any() else None


def _differ(one: str, two: str) -> bool:
    try:
        a, b = number(one, loose=True), number(two, loose=True)
    except ValueError:
        return False
    return abs(a - b) > ROUNDED * max(abs(a), abs(b))


def _two(grid: Grid, row: int, role: str, one: int, two: int, here: str, there: str) -> BadDataError:
    first, second = _names(grid, one, two)
    what = f"two columns are named {role}, and differ: {first} {here!r}, {second} {there!r}"
    cure = f"choose one with `columns: {{{role}: NAME}}`"
    return BadDataError(f"{grid.label}: {grid.unit} {int(grid.lines[row])}: {what}; {cure}")


def _names(grid: Grid, one: int, two: int) -> tuple[str, str]:
    names = grid.names or []
    return names[one], names[two]


def _sample(grid: Grid) -> list[int]:
    count = len(grid)
    return list(range(count)) if count <= 2 * SAMPLE else [*range(SAMPLE), *range(count - SAMPLE, count)]


def _first(grid: Grid, place: int) -> str:
    return grid.cell(0, place) if len(grid) else ""
