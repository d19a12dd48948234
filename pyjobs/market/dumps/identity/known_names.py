"""Names and other codes of well-known symbols: whose a file is that has the one, in a desk that has the other.

A symbol here is also one that a file may be called after. Names are without the words that many have (Inc, ETF, Index).
"""

from __future__ import annotations

import re
from functools import lru_cache

TABLE = """
A: Agilent Technologies; AAPL: Apple; ABBV: AbbVie; ABNB: Airbnb; ABT: Abbott Laboratories;
ACN: Accenture; ADBE: Adobe; AMD: Advanced Micro Devices; AMGN: Amgen; AMZN: Amazon.com = Amazon;
ARM: Arm Holdings; ASML: ASML; AVGO: Broadcom; AXP: American Express; B: Barrick Mining;
BA: Boeing; BABA: Alibaba; BAC: Bank of America; BKNG: Booking; BLK: BlackRock;
BMY: Bristol Myers Squibb; BRK.A: Berkshire Hathaway; BRK.B: Berkshire Hathaway; C: Citigroup;
CAT: Caterpillar; COIN: Coinbase; COP: ConocoPhillips; COST: Costco Wholesale = Costco;
CRM: Salesforce; CSCO: Cisco Systems = Cisco; CVX: Chevron; D: Dominion Energy; DE: Deere;
DIS: Walt Disney = Disney; E: Eni; F: Ford Motor = Ford; G: Genpact;
GE: General Electric = GE Aerospace; GILD: Gilead Sciences; GM: General Motors; GME: GameStop;
GOOG: Alphabet = Google; GOOGL: Alphabet = Google; GS: Goldman Sachs; H: Hyatt Hotels;
HD: Home Depot; HON: Honeywell International = Honeywell;
IBM: International Business Machines = IBM; INTC: Intel; J: Jacobs Solutions;
JNJ: Johnson & Johnson; JPM: JPMorgan Chase = JP Morgan; K: Kellanova = Kellogg; KO: Coca Cola;
L: Loews; LLY: Eli Lilly; LMT: Lockheed Martin; LOW: Lowe's; M: Macy's; MA: Mastercard;
MCD: McDonald's; MDT: Medtronic; META: Meta Platforms = Meta = Facebook; MMM: 3M; MO: Altria;
MRK: Merck; MS: Morgan Stanley; MSFT: Microsoft; MSTR: MicroStrategy;
MU: Micron Technology = Micron; NEE: NextEra Energy; NFLX: Netflix; NKE: Nike; NVDA: NVIDIA;
O: Realty Income; ORCL: Oracle; PEP: PepsiCo; PFE: Pfizer; PG: Procter & Gamble;
PLTR: Palantir Technologies = Palantir; PM: Philip Morris International = Philip Morris;
PYPL: PayPal; QCOM: Qualcomm; R: Ryder System; RTX: Raytheon Technologies; S: SentinelOne;
SBUX: Starbucks; SHOP: Shopify; SPOT: Spotify Technology = Spotify; T: AT&T; TGT: Target;
TSLA: Tesla = Tesla Motors; TSM: Taiwan Semiconductor Manufacturing; U: Unity Software;
UBER: Uber Technologies = Uber; UNH: UnitedHealth; UNP: Union Pacific; UPS: United Parcel Service;
V: Visa; VZ: Verizon Communications = Verizon; W: Wayfair; WFC: Wells Fargo; WMT: Walmart;
XOM: Exxon Mobil = Exxon; Z: Zillow;
SPY: SPDR S&P 500 = SPDR S&P500; IVV: iShares Core S&P 500; VOO: Vanguard S&P 500;
QQQ: Invesco QQQ = PowerShares QQQ; DIA: SPDR Dow Jones Industrial Average;
IWM: iShares Russell 2000; EFA: iShares MSCI EAFE; EEM: iShares MSCI Emerging Markets;
VTI: Vanguard Total Stock Market; VT: Vanguard Total World Stock;
VEA: Vanguard FTSE Developed Markets; VWO: Vanguard FTSE Emerging Markets;
BND: Vanguard Total Bond Market; AGG: iShares Core US Aggregate Bond;
TLT: iShares 20+ Year Treasury Bond; IEF: iShares 7-10 Year Treasury Bond;
SHY: iShares 1-3 Year Treasury Bond; LQD: iShares iBoxx $ Investment Grade Corporate Bond;
HYG: iShares iBoxx $ High Yield Corporate Bond; GLD: SPDR Gold; SLV: iShares Silver;
USO: United States Oil; XLF: Financial Select Sector SPDR; XLK: Technology Select Sector SPDR;
XLE: Energy Select Sector SPDR; XLV: Health Care Select Sector SPDR; ARKK: ARK Innovation;
069500: KODEX 200; EWY: iShares MSCI South Korea;
SPX: S&P 500 = SP500 = Standard & Poor's 500; IXIC: NASDAQ Composite = NASDAQCOM;
NDX: NASDAQ 100 = NASDAQ100; DJI: Dow Jones Industrial Average = Dow Jones = DJIA;
RUT: Russell 2000; VIX: CBOE Volatility = VIXCLS; FTSE: FTSE 100; DAX: DAX Performance;
NI225: Nikkei 225 = Nikkei Stock Average = 日経平均 = NIKKEI225; HSI: Hang Seng; KOSPI: 코스피;
KOSDAQ: 코스닥; KOSPI200: 코스피 200; STOXX50E: EURO STOXX 50 = ESTX 50; FCHI: CAC 40;
DGS10: US10Y = 10 Year Treasury Constant Maturity; DGS2: US2Y; DGS30: US30Y; DGS5: US5Y;
DFF: Federal Funds Effective Rate;
USDKRW: DEXKOUS; USDJPY: DEXJPUS; EURUSD: DEXUSEU; GBPUSD: DEXUSUK = XUDLUSS; USDCNY: DEXCHUS;
USDCAD: DEXCAUS; USDCHF: DEXSZUS; AUDUSD: DEXUSAL; NZDUSD: DEXUSNZ; USDINR: DEXINUS;
USDHKD: DEXHKUS; USDTWD: DEXTAUS; USDSGD: DEXSIUS; USDMXN: DEXMXUS; USDBRL: DEXBZUS;
USDSEK: DEXSDUS; USDNOK: DEXNOUS; USDDKK: DEXDNUS; USDTHB: DEXTHUS; USDZAR: DEXSFUS;
USDMYR: DEXMAUS; XAUUSD: Gold; XAGUSD: Silver;
BTC: Bitcoin = 비트코인; ETH: Ethereum = Ether = 이더리움; XRP: Ripple = 리플; SOL: Solana = 솔라나;
BNB: BNB = Binance Coin; DOGE: Dogecoin = 도지코인; ADA: Cardano = 에이다; TRX: TRON = 트론;
AVAX: Avalanche; LINK: Chainlink; DOT: Polkadot; LTC: Litecoin; BCH: Bitcoin Cash;
ETC: Ethereum Classic; XLM: Stellar; SHIB: Shiba Inu; UNI: Uniswap; ATOM: Cosmos;
WBTC: Wrapped Bitcoin;
005930: 삼성전자 = Samsung Electronics; 000660: SK하이닉스 = SK hynix;
373220: LG에너지솔루션 = LG Energy Solution; 207940: 삼성바이오로직스 = Samsung Biologics;
005380: 현대차 = 현대자동차 = Hyundai Motor; 000270: 기아 = Kia; 068270: 셀트리온 = Celltrion;
035420: NAVER = 네이버; 035720: 카카오 = Kakao; 005490: POSCO홀딩스 = POSCO = 포스코홀딩스;
051910: LG화학 = LG Chem; 006400: 삼성SDI = Samsung SDI; 012330: 현대모비스 = Hyundai Mobis;
028260: 삼성물산 = Samsung C&T; 105560: KB금융 = KB Financial; 055550: 신한지주 = Shinhan Financial;
066570: LG전자 = LG Electronics; 096770: SK이노베이션 = SK Innovation;
015760: 한국전력 = Korea Electric Power; 034730: SK; 017670: SK텔레콤 = SK Telecom; 030200: KT;
329180: HD현대중공업; 012450: 한화에어로스페이스 = Hanwha Aerospace;
7203: トヨタ自動車 = トヨタ = Toyota Motor; 6758: ソニーグループ = ソニー = Sony = Sony Group;
9984: ソフトバンク = SoftBank Group; 8306: Mitsubishi UFJ Financial;
6861: キーエンス = Keyence; 7974: 任天堂 = Nintendo; 9432: NTT; 7267: 本田技研工業 = ホンダ = Honda Motor;
MC: LVMH = LVMH Moët Hennessy Louis Vuitton; SAP: SAP; SIE: Siemens; ALV: Allianz; AIR: Airbus;
OR: L'Oréal; TTE: TotalEnergies; SAN: Sanofi = Banco Santander; NESN: Nestlé; NOVN: Novartis;
VOD: Vodafone; SHEL: Shell; AZN: AstraZeneca; HSBA: HSBC; BP: BP; ULVR: Unilever;
"""


@lru_cache(maxsize=1)
def known_names() -> dict[str, list[str]]:
    """The names of each well-known symbol."""
    entries = (each.partition(":") for each in re.split(r";\s*", TABLE.strip()) if each)
    return {symbol.strip(): [name.strip() for name in names.split(" = ")] for symbol, _, names in entries}
