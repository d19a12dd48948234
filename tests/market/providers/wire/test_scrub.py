"""No secret leaves the process that was given it, in none of the forms in which libraries and servers repeat it."""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
import textwrap
import time
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
        "percent twice": quote(quote(secret, safe=""), safe=""),
        "JSON of JSON": json.dumps(json.dumps({"k": secret})),
        "every letter as JSON's escape": "".join(f"\\u{ord(each):04X}" for each in secret),
        "every byte as a percent code": "".join(f"%{byte:02x}" for byte in raw),
        "entities": "".join(f"&#{ord(each)};" for each in secret),
        "hex entities": "".join(f"&#x{ord(each):X};" for each in secret),
        "named entities": html.escape(secret),
        "entities of entities": html.escape(html.escape(secret)),
        "one letter of another spelling": secret[:2] + f"\\u{ord(secret[2]):04x}" + secret[3:],
        "JavaScript": json.dumps(secret).replace("/", "\\/"),
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


ENDS = (
    "\n",
    "\r\n    ",
    "\\\n",
    "'\n    '",
    '"\n  "',
    "=\r\n",
    "\\n",
    "\\r\\n",
    "\n> ",
    "\n\t| ",
    "%0A",
    "<br>",
    "&#10;",
)


@pytest.mark.parametrize("secret", SECRETS)
def test_it_is_gone_however_its_lines_are_broken(secret: str) -> None:
    scrub.hide([secret, "another-secret"])
    basic = base64.b64encode(f"user:{secret}".encode()).decode()
    for text in (secret, quote(secret, safe=""), secret.encode().hex(), basic, ascii(secret)[1:-1]):
        for number, end in enumerate(each for each in ENDS if "\\" not in text or each[1:] not in ("n", "r\\n")):
            for at in range(1 + number % 2, len(text), 2):
                left = scrub.scrub(f"say {text[:at]}{end}{text[at:]} end")
                assert text[: max(at, 10)] not in left and scrub.HIDDEN in left, (text[:at], end, left)


def test_nor_is_it_there_after_what_wraps_texts() -> None:
    secret = "k3y-" * 15
    scrub.hide([secret])
    mail = base64.encodebytes(f"user:{secret}more".encode()).decode()
    assert "\n" in mail.strip() and scrub.scrub(mail).count(scrub.HIDDEN) == 1 and len(scrub.scrub(mail)) < 30
    for text in (secret, secret.replace("-", " ").strip()):
        scrub.hide([text])
        for width in (20, 30, 79):
            told = "\n  ".join(textwrap.wrap(f"the server says {text} and more", width))
            assert "k3y" not in scrub.scrub(told), told
    assert scrub.scrub("a\nb\n  c") == "a\nb\n  c"


@pytest.mark.parametrize(
    "cut", ["s3cr3t-kkk…", "s3cr3t-kkk...", "s3cr3t-k ***", "x: s3cr3t-kkkkkkkkk", "…kkkkkkkkk-end", "...kkkkkk-end"]
)
def test_a_part_of_it_is_gone_where_the_rest_was_cut_off(cut: str) -> None:
    scrub.hide(["s3cr3t-" + "k" * 60 + "-end"])
    assert not {"s3cr3t", "kkk", "end"} & set(re.split(r"[^a-z0-9]", scrub.scrub(cut))), scrub.scrub(cut)
    assert scrub.scrub("s3cr3t-kkkk is no part of it, s3c… neither") == "s3cr3t-kkkk is no part of it, s3c… neither"


def test_the_password_of_a_proxy_is_a_secret_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://desk:pa%40ss-word@10.0.0.1:3128")
    scrub.hide([])
    for form in ("pa%40ss-word", "pa@ss-word", base64.b64encode(b"desk:pa@ss-word").decode()):
        assert form not in scrub.scrub(f"407 for {form}") and scrub.HIDDEN in scrub.scrub(f"407 for {form}")


@pytest.mark.parametrize("text", ["\\", "%25", "&amp;", "&#0", "A", "%2525", "=hunter2+", "\n"])
def test_a_text_that_begins_like_it_again_and_again_takes_no_time(text: str) -> None:
    scrub.hide([*SECRETS, "\\/\\/\\/"])
    began = time.process_time()
    scrub.scrub(f'"{text * 20_000}'[:20_000])
    assert time.process_time() - began < 1


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
