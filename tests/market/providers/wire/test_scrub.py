"""No secret leaves the process that was given it, in none of the forms in which libraries and servers repeat it."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import pytest

from pyjobs.market.providers.wire import scrub
from pyjobs.market.providers.wire.http_answer import excerpt
from utils.errors import ConfigError
from utils.settings import credentials

SECRETS = ["hunter2+/=&", "pa ss%wörd'\"x", "비밀번호열쇠", "A" * 40, "plain1", "back\\slash\\n"]


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    scrub.hide([])


@pytest.mark.parametrize("secret", SECRETS)
def test_every_form_of_it_is_gone(secret: str) -> None:
    scrub.hide([secret, "another-secret"])
    raw = secret.encode()
    forms = {
        "as it is": secret,
        "repr": repr({"key": secret}),
        "ascii": ascii(secret),
        "bytes": repr(raw),
        "JSON": json.dumps({"k": secret}),
        "percent": quote(secret, safe=""),
        "form": quote_plus(secret),
        "lower percent": quote(secret, safe="").replace("%2B", "%2b").replace("%2F", "%2f"),
        "hex": binascii.hexlify(raw).decode(),
    }
    for user in ("", "u:", "us:", "user:"):
        forms[f"base64 of {user}"] = base64.b64encode(f"{user}{secret}".encode()).decode()
        forms[f"base64 of {user} and more"] = base64.b64encode(f"{user}{secret}:more".encode()).decode()
        forms[f"URL base64 of {user}"] = base64.urlsafe_b64encode(f"{user}{secret}".encode()).decode()
    for form, text in forms.items():
        said = scrub.scrub(f"Invalid header value <{text}> in {text}")
        assert scrub.HIDDEN in said, form
        assert secret not in said and text not in said, form


def test_a_message_that_is_cut_shows_no_half_of_it() -> None:
    secret = "s3cr3t-" + "k" * 60
    scrub.hide([secret])
    for before in range(60, 125):
        assert "s3cr3t" not in excerpt("x" * before + secret)


def test_it_is_gone_from_all_that_is_told_also_from_keys() -> None:
    scrub.hide(["s3cr3t"])
    told = scrub.scrubbed({"fault": {"detail": "key s3cr3t", "s3cr3t": ["s3cr3t", 1, None]}, "retry_after_s": 1.5})
    assert told == {"fault": {"detail": "key ***", "***": ["***", 1, None]}, "retry_after_s": 1.5}


@pytest.mark.parametrize(
    "value", ["secret-key ", " secret-key", "secret\nkey", "secret\x1bkey", "abc", "\u00a0secret-key"]
)
def test_a_credential_that_cannot_be_one_is_refused_by_name_and_not_shown(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APCA_API_SECRET_KEY", value)
    with pytest.raises(ConfigError, match=r"^APCA_API_SECRET_KEY \(in the environment\)") as refusal:
        credentials.for_provider("APCA_API_SECRET_KEY")
    assert value.strip() not in str(refusal.value) and refusal.value.exit_code == 78


def test_a_short_name_of_an_account_is_no_short_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APCA_API_KEY_ID", "key")
    assert credentials.for_provider("APCA_API_KEY_ID") == "key"
    monkeypatch.setenv("APCA_API_KEY_ID", "key ")
    with pytest.raises(ConfigError, match="ends with a blank"):
        credentials.for_provider("APCA_API_KEY_ID")
