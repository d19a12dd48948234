"""config/data_sources.yaml: the batch framework's own example is valid, and a mistake in it is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyjobs.market.benchmarks.policy import load_policy
from utils.errors import ConfigError

SEED_EXAMPLE = """\
benchmarks:
  KOSPI:
    providers: [local_cache, parquet, pykrx_index, yf_index, yf_etf]
    symbols:
      pykrx_index: "1001"
      yf_index: "^KS11"
      yf_etf: "069500.KS"
      local_keys: ["069500.KS", "069500", "KOSPI", "KOSPI_ETF"]
  S&P500:
    providers: [local_cache, parquet, yf_index, yf_etf]
    symbols:
      yf_index: "^GSPC"
      yf_etf: "SPY"
      local_keys: ["SPY", "^GSPC"]
"""


def policy_file(folder: Path, text: str) -> Path:
    path = folder / "data_sources.yaml"
    path.write_text(text)
    return path


def test_the_example_of_seed_004_is_valid_as_it_stands(tmp_path: Path) -> None:
    policy = load_policy(policy_file(tmp_path, SEED_EXAMPLE))
    assert policy.benchmarks["KOSPI"].providers == ["local_cache", "parquet", "pykrx_index", "yf_index", "yf_etf"]
    assert policy.benchmarks["S&P500"].symbols.of("yf_etf") == "SPY"
    assert (policy.market_of("KOSPI"), policy.market_of("S&P500")) == ("XKRX", "XNYS")
    assert policy.required == ("KOSPI",)


def test_the_shipped_file_says_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    assert load_policy() == load_policy(policy_file(tmp_path, SEED_EXAMPLE))


def test_the_own_file_in_secret_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    (tmp_path / "secret").mkdir()
    policy_file(tmp_path / "secret", "benchmarks: {BTC: {providers: [parquet], symbols: {}, market: 24/7}}")
    assert list(load_policy().benchmarks) == ["BTC"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("benchmarks: {K: {providers: [yahoo], symbols: {}}}", r"providers\[0\].*unknown provider 'yahoo'"),
        ("benchmarks: {K: {providers: [yf_index], symbols: {}}}", "symbols.yf_index does not name"),
        ("benchmarks: {K: {providers: [], symbols: {}}}", "no provider is named"),
        ("benchmarks: {K: {providers: [parquet, parquet], symbols: {}}}", "named twice"),
        ("benchmarks: {K: {providers: [parquet], symbols: {}, market: MARS}}", "unknown market 'MARS'"),
        ("benchmarks: {K: {providers: [parquet], symbols: {}, start: 2010}}", "start"),
        ("benchmarks: {K: {providers: [parquet], symbols: {yahoo: X}}}", "yahoo: no such key"),
    ],
)
def test_a_mistake_is_refused_with_file_and_key(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(ConfigError, match=named) as refusal:
        load_policy(policy_file(tmp_path, text))
    assert "data_sources.yaml" in str(refusal.value)
