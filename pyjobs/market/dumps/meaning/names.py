"""How files call their columns: the spellings of each field, small and without spaces and marks (`fields.column`)."""

from __future__ import annotations

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
"""Names of a time of day, beside a date."""
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
        *("timelocal", "datum", "날짜", "일자", "거래일", "거래일자", "기준일", "일시", "체결시간", "日付", "日期"),
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
        *("close", "c", "closeprice", "priceclose", "last", "closelast", "종가", "현재가", "schluss"),
        *("schlusskurs", "clot", "clôture", "終値", "收盘", "收盤價", "pxlast", "prccd", "prc", "closingprice"),
        *("clpr", "zuletzt", "latest", "收盘价", "цена", "şimdi", "kapanış", "zamknięcie", "zamkniecie", "ostatnio"),
        *("laatst", "slotkoers", "senaste"),
        *("fechamento", "cierre", "chiusura", "último", "ultimo", "clspric"),
    ),
    "adj_close": (
        *("adjclose", "adjustedclose", "adjcloseprice", "closeadj", "adjusted"),
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
