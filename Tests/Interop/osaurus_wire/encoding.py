"""How bytes are written on the wire: base64url, hexadecimal digits, JSON."""

import base64
import json
import re

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*\Z")
_DIGITS = re.compile(r"(?:[0-9a-fA-F]{2})*\Z")


class WireError(Exception):
    """The other side did not do what the protocol says."""


def require(condition, reason):
    """Raises WireError with the reason unless the condition holds."""
    if not condition:
        raise WireError(reason)


def b64url(data):
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def unb64url(text, length=None):
    """The bytes of unpadded base64url, which has to be written in its one form."""
    require(isinstance(text, str) and _BASE64URL.match(text), f"not base64url: {text!r:.40}")
    require(len(text) % 4 != 1, "base64url of an impossible length")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    require(b64url(data) == text, "base64url with leftover bits")
    require(length is None or len(data) == length, f"{len(data)} bytes where {length} belong")
    return data


def unhex(text, length=None):
    """The bytes of hexadecimal digits, with or without 0x."""
    require(isinstance(text, str), "no digits")
    digits = text.removeprefix("0x")
    require(_DIGITS.match(digits), "not hexadecimal digits")
    data = bytes.fromhex(digits)
    require(length is None or len(data) == length, f"{len(data)} bytes where {length} belong")
    return data


def as_json(value):
    """JSON as Apple's encoders write it by default: no blanks, `/` escaped, what is not ASCII as it is."""
    return _encoded(value, sort=False)


def as_sorted_json(value):
    """The same with its keys in order, which is what signatures and hosts use."""
    return _encoded(value, sort=True)


def _encoded(value, sort):
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=sort)
    return text.replace("/", "\\/").encode("utf-8")


def from_json(data, what):
    """An object out of JSON."""
    try:
        value = json.loads(data)
    except ValueError as error:
        raise WireError(f"{what} is not JSON: {error}") from None
    require(isinstance(value, dict), f"{what} is no object")
    return value


def member(message, name, kind, what):
    """A member of a message, of its type."""
    value = message.get(name)
    is_right = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    require(is_right, f"{what} has no {name} of type {kind.__name__}")
    return value
