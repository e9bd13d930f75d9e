"""Masks secrets in free text by their form: `password=…`, `https://user:…@host`, `Authorization: …`, tokens. Pure.

The forms of tokens are those that their issuers document; GitHub's secret scanning lists them. Every repetition in the
patterns is bounded, so that no text of a given length takes much longer than another.
"""

from __future__ import annotations

import re

from .keys import is_reference, is_secret

MASK = "***"

_SCHEME = r"(?P<scheme>(?<![\w+.-])[a-zA-Z][\w+.-]{0,20}://)"
_USER_INFO = re.compile(rf"{_SCHEME}(?P<user>[^\s/:@'\"]{{0,200}}):(?P<password>[^\s/'\"]{{1,500}})@")
_TOKEN_AS_USER = re.compile(rf"{_SCHEME}[^\s/:@'\"]{{16,500}}@")
_HEADER = re.compile(
    r"(?P<name>\b(?:proxy-)?authorization[\\\"']{0,4}\s{0,4}[:=]\s{0,4}[\\\"']{0,4})"
    r"(?P<method>(?:basic|bearer|token|digest|negotiate|apikey)\s+)?(?!\$)[^\s\\\"',}]+",
    re.IGNORECASE,
)
_BEARER = re.compile(r"(?P<method>\bbearer\s+)(?=\S{0,200}\d)[\w.~+/=-]{8,}", re.IGNORECASE)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)", re.DOTALL
)
_TOKENS = re.compile(
    r"\b(?:(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_\w{36,300}|github_pat_\w{22,300}|glpat-[\w-]{20,300}"
    r"|hf_[A-Za-z0-9]{30,300}|sk-[\w-]{20,300}|xox[abprs]-[\w-]{10,300}|AIza[\w-]{35}|ya29\.[\w-]{20,2000}"
    r"|eyJ[\w-]{8,500}\.eyJ[\w-]{8,2000}\.[\w-]{8,2000})|\bhttps://hooks\.slack\.com/services/[\w/]{1,200}"
)
_QUOTED = (
    r"\\{0,4}\"(?:[^\"\\]|\\(?!\")){0,4000}\\{0,4}\"|\\{0,4}'(?:[^'\\]|\\(?!')){0,4000}\\{0,4}'"
    r"|\$\{[^{}]{1,200}\}|\$\([^()]{1,200}\)"
)
_BARE = r"[^\s,;{}\[\]()&\"'\\]{1,1000}"
_ASSIGNED = re.compile(
    r"(?P<key>(?<![\w.@/+~-])[A-Za-z_+~-][\w.@/+~-]{0,200})(?P<between>[\\\"']{0,4}[ \t]{0,4}[=:][ \t]{0,4})"
    rf"(?P<value>{_QUOTED}|{_BARE})"
)
_OPTION = re.compile(
    rf"(?P<key>(?<![\w-])--[A-Za-z][\w.-]{{0,200}})(?P<between>[ \t]{{1,4}})(?P<value>{_QUOTED}|(?!-){_BARE})"
)


def mask_forms(text: str) -> str:
    """Replace each part of the text that has the form of a secret by MASK; the text around it does not change."""
    text = _PRIVATE_KEY.sub(MASK, text)
    text = _USER_INFO.sub(_mask_password, text)
    text = _TOKEN_AS_USER.sub(rf"\g<scheme>{MASK}@", text)
    text = _HEADER.sub(lambda found: f"{found['name']}{found['method'] or ''}{MASK}", text)
    text = _BEARER.sub(rf"\g<method>{MASK}", text)
    text = _TOKENS.sub(MASK, text)
    return _mask_values(_OPTION, _mask_values(_ASSIGNED, text))


def _mask_password(found: re.Match[str]) -> str:
    return found[0] if is_reference(found["password"]) else f"{found['scheme']}{found['user']}:{MASK}@"


def _mask_values(pairs: re.Pattern[str], text: str) -> str:
    """Mask the values of secret keys. The value of any other key is searched in turn: `error: password=…`."""
    parts, position = list[str](), 0
    while (found := pairs.search(text, position)) is not None:
        quote = re.match(r"\\*[\"']", found["value"])
        mark = quote[0] if quote is not None else ""
        inside = found["value"].removeprefix(mark).removesuffix(mark)
        is_done = MASK in inside or found["key"].lower().endswith("authorization")
        is_hidden = not is_done and is_secret(found["key"], inside)
        end = found.end() if is_hidden else found.start("value")
        parts += [text[position : found.start("value")], f"{mark}{MASK}{mark}" if is_hidden else ""]
        position = max(end, position + 1)
    return "".join([*parts, text[position:]])
