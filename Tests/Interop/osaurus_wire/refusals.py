"""What a host has to refuse, each tried against a real one, with the words in which it has to say so."""

import json
import uuid

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from .channel import ClientHandshake, public_half
from .connector import Channel, Refused
from .encoding import as_json, require
from .identity import PAIRING, pairing_key
from .pairing import challenge_nonce, request_payload

STALE = "Pairing challenge expired or invalid"
NOT_PAIRABLE = "Agent not found or not available for pairing"


def _flipped(call, name):
    """A call with the first bit of a member flipped."""
    message = json.loads(call)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    first = alphabet[alphabet.index(message[name][0]) ^ 32]
    return as_json({**message, name: first + message[name][1:]})


def _changed(call, **members):
    return as_json({**json.loads(call), **members})


def _refusal(act):
    """The status and what was said, of an act that has to be refused."""
    try:
        return act()[0], None
    except Refused as refused:
        error = refused.body["error"]
        return refused.status, error["code"] if isinstance(error, dict) and "code" in error else error


def check_all(peer):
    """Tries everything, and gives the names of what was tried."""
    channel = Channel(peer)
    session = channel.session
    tried = []

    def expect(name, act, status, code=None):
        got = _refusal(act)
        require(got == (status, code), f"{name}: {got} instead of {(status, code)}")
        tried.append(name)

    def call(data, number=1):
        return channel.opened(channel.send(data), number)

    good, first = session.seal_call(channel.inner("GET", "/models"))
    # What is broken leaves the session as it was: the call opens afterwards all the same.
    expect("a broken tag", lambda: call(_flipped(good, "ct")), 400, "secure_decrypt_failed")
    expect("another number", lambda: call(_changed(good, seq=2)), 400, "secure_decrypt_failed")
    expect("another version", lambda: call(_changed(good, v=2)), 400, "secure_decrypt_failed")
    expect("no ciphertext", lambda: call(_changed(good, ct="")), 400, "secure_decrypt_failed")
    expect("an unknown session", lambda: call(_flipped(good, "sid")), 401, "secure_session_unknown")
    expect("no call", lambda: call(b"[]"), 400, "secure_malformed")
    expect("a call in pieces", lambda: call(good[:-1]), 400, "secure_malformed")
    expect("the call itself", lambda: call(good, first), 200)
    expect("the same call again", lambda: call(good, first), 409, "secure_replay")

    later, eightieth = session.seal_call(channel.inner("GET", "/models"), number=80)
    expect("a jump ahead", lambda: call(later, eightieth), 200)
    for name, number, status, code in [
        ("number 0", 0, 409, "secure_replay"),
        ("a number before the window", 16, 409, "secure_replay"),
        ("the first number of the window", 17, 200, None),
        ("that one again", 17, 409, "secure_replay"),
    ]:
        sealed, _ = session.seal_call(channel.inner("GET", "/models"), number=number)
        expect(name, lambda: call(sealed, number), status, code)
    session.last_call = 80

    for name, inner in [
        ("no inner JSON", b"{"),
        ("an inner path without its slash", as_json({"method": "GET", "path": "models"})),
        ("an envelope in an envelope", as_json({"method": "POST", "path": "/secure/call"})),
        ("a handshake in an envelope", as_json({"method": "POST", "path": "/v1/secure/session"})),
        ("an inner body that is no base64url", as_json({"method": "POST", "path": "/models", "body": "!"})),
    ]:
        sealed, _ = session.seal_call(inner)
        expect(name, lambda: call(sealed), 400, "secure_malformed")

    expect("no key", lambda: channel.ask("GET", "/models", key=None), 401)
    forged = peer["key"][:-4] + ("1b1c" if peer["key"][-4:] != "1b1c" else "0a1b")
    expect("a forged key", lambda: channel.ask("GET", "/models", key=forged), 401)

    # Handshakes.
    hello = ClientHandshake(peer["agent"]).hello
    stranger = "0x" + "11" * 20
    for name, data, status, code in [
        ("a handshake with a stranger", as_json({**hello, "agentAddress": stranger}), 404, "Unknown agent address"),
        ("a handshake of another version", as_json({**hello, "v": 2}), 400, "Unsupported secure channel version"),
        ("a handshake with a bad key", as_json({**hello, "encPub": "AAAA"}), 400, "Malformed handshake"),
        ("a handshake with zero as its key", as_json({**hello, "encPub": "A" * 43}), 400, "Malformed handshake"),
        ("a handshake without a nonce", as_json({**hello, "nonce": ""}), 400, "Malformed handshake"),
        ("no handshake", b"{", 400, "Invalid handshake request"),
    ]:
        expect(name, lambda: (channel.place.ask("POST", "/secure/session", data), None), status, code)

    # Requests to be let in.
    stranger_key, other_key = pairing_key(bytes(31) + b"\x01"), pairing_key(bytes(31) + b"\x02")
    enc_pub = public_half(X25519PrivateKey.generate())
    asked = {"connectorAddress": stranger_key.address, "agentId": str(uuid.uuid4()).upper(), "encPub": enc_pub}
    fresh = challenge_nonce(channel.place.ask("GET", "/pair/challenge"))

    def request(nonce, signer):
        signature = "0x" + signer.sign(PAIRING, request_payload(nonce, enc_pub)).hex()
        return as_json({**asked, "nonce": nonce, "signature": signature})

    for name, data, status, code in [
        ("no pairing request", b"{}", 400, "Invalid pairing request"),
        ("a pairing request that another signed", request(fresh, other_key), 401, "Signature verification failed"),
        ("a pairing request with an unknown nonce", request("ab" * 32, stranger_key), 401, STALE),
        ("a pairing request for an unknown agent", request(fresh, stranger_key), 404, NOT_PAIRABLE),
        ("the nonce of that one again", request(fresh, stranger_key), 401, STALE),
    ]:
        expect(name, lambda: (channel.place.ask("POST", "/pair", data), None), status, code)

    # After all of it the session is as good as it was.
    status, _ = channel.models()
    require(status == 200, f"the session is broken: {status}")
    return tried
