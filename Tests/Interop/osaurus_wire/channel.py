"""The secure channel, version 1: both ends of the handshake, calls and frames."""

import hashlib
import secrets
import time

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .encoding import WireError, as_json, as_sorted_json, b64url, from_json, member, require, unb64url
from .identity import CHANNEL, signed_by

LIFETIME = 3600
WINDOW = 64


def _hkdf(secret, salt, info):
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=salt, info=info.encode("ascii")).derive(secret)


def public_half(private):
    return b64url(private.public_key().public_bytes_raw())


def _nonce(number):
    return bytes(4) + number.to_bytes(8, "big")


def transcript(client_hello, server_hello):
    """What the agent signs: the fields as they were sent."""
    fields = [
        ("v", 1),
        ("aA", client_hello["agentAddress"].lower()),
        ("eC", client_hello["encPub"]),
        ("nC", client_hello["nonce"]),
        ("sid", server_hello["sid"]),
        ("eS", server_hello["encPub"]),
        ("exp", server_hello["expiresAt"]),
    ]
    require(all("|" not in str(value) for _, value in fields), "a bar in the handshake")
    return "|".join(["osaurus-sc1"] + [f"{name}={value}" for name, value in fields]).encode("ascii")


class Session:
    """The keys of a session, and what is sealed by them."""

    def __init__(self, sid, private, other_public, signed):
        secret = private.exchange(X25519PublicKey.from_public_bytes(unb64url(other_public, 32)))
        salt = hashlib.sha256(signed).digest()
        self.sid = sid
        self.to_server = _hkdf(secret, salt, "osaurus-sc1:c2s")
        self.to_client = _hkdf(secret, salt, "osaurus-sc1:s2c")
        self.last_call = 0
        self._highest = 0
        self._taken = set()

    def response_key(self, call):
        return _hkdf(self.to_client, None, f"osaurus-sc1:respkey:{call}")

    # Calls

    def _call_context(self, number):
        return f"osaurus-sc1:req:{self.sid}:{number}".encode("ascii")

    def seal_call(self, inner, number=None):
        """The bytes of a call, and its number."""
        if number is None:
            self.last_call += 1
            number = self.last_call
        sealed = ChaCha20Poly1305(self.to_server).encrypt(_nonce(number), inner, self._call_context(number))
        return as_json({"v": 1, "sid": self.sid, "seq": number, "ct": b64url(sealed)}), number

    def open_call(self, call):
        """The inner request of a call that has not been opened before; raises KeyError where it has."""
        require(member(call, "v", int, "the call") == 1, "the call is of another version")
        number = member(call, "seq", int, "the call")
        sealed = unb64url(member(call, "ct", str, "the call"))
        try:
            inner = ChaCha20Poly1305(self.to_server).decrypt(_nonce(number), sealed, self._call_context(number))
        except InvalidTag:
            raise WireError("the call does not open") from None
        if number == 0 or number in self._taken or number + WINDOW <= self._highest:
            raise KeyError(number)
        self._highest = max(self._highest, number)
        self._taken = {taken for taken in self._taken | {number} if taken + WINDOW > self._highest}
        return inner


class FrameSealer:
    """Seals the frames of one answer."""

    def __init__(self, session, call):
        self._context = f"osaurus-sc1:resp:{session.sid}:{call}"
        self._key = ChaCha20Poly1305(session.response_key(call))
        self._next = 0

    def seal(self, piece, last):
        context = f"{self._context}:{self._next}:{int(last)}".encode("ascii")
        frame = {"ct": b64url(self._key.encrypt(_nonce(self._next), piece, context)), "seq": self._next}
        if last:
            frame["fin"] = True
        self._next += 1
        return as_sorted_json(frame)


class FrameOpener:
    """Opens the frames of one answer, in order and to its end."""

    def __init__(self, session, call):
        self._context = f"osaurus-sc1:resp:{session.sid}:{call}"
        self._key = ChaCha20Poly1305(session.response_key(call))
        self.count = 0
        self.is_over = False

    def open(self, data):
        require(not self.is_over, "a frame after the last one")
        frame = from_json(data, "a frame")
        require(member(frame, "seq", int, "a frame") == self.count, f"frame {frame['seq']} in place of {self.count}")
        last = frame.get("fin", False) is True
        context = f"{self._context}:{self.count}:{int(last)}".encode("ascii")
        try:
            piece = self._key.decrypt(_nonce(self.count), unb64url(member(frame, "ct", str, "a frame")), context)
        except InvalidTag:
            raise WireError(f"frame {self.count} does not open") from None
        self.count += 1
        self.is_over = last
        return piece


class ClientHandshake:
    """A client's side: the hello that it sends, and what it makes of the answer."""

    def __init__(self, agent, private=None, nonce=None):
        self._agent = agent
        self._private = private or X25519PrivateKey.generate()
        self.hello = {
            "v": 1,
            "agentAddress": agent.lower(),
            "encPub": public_half(self._private),
            "nonce": b64url(nonce or secrets.token_bytes(16)),
        }

    def finish(self, answer, now=None):
        """The session, once the pinned agent has signed it."""
        what = "the handshake's answer"
        require(member(answer, "v", int, what) == 1, f"{what} is of another version")
        require(unb64url(member(answer, "sid", str, what)), "an empty session id")
        unb64url(member(answer, "encPub", str, what), 32)
        ends = member(answer, "expiresAt", int, what)
        now = time.time() if now is None else now
        require(now - 300 < ends <= now + 7200, f"the session ends at {ends}")
        signed = transcript(self.hello, answer)
        signed_by(self._agent, CHANNEL, signed, member(answer, "signature", str, what), what)
        return Session(answer["sid"], self._private, answer["encPub"], signed)


def accept(hello, agent, private=None, sid=None, now=None):
    """A server's side: the answer to a hello, signed by the agent, and the session."""
    private = private or X25519PrivateKey.generate()
    answer = {
        "v": 1,
        "sid": b64url(sid or secrets.token_bytes(16)),
        "encPub": public_half(private),
        "expiresAt": (int(time.time()) if now is None else now) + LIFETIME,
    }
    signed = transcript(hello, answer)
    answer["signature"] = "0x" + agent.sign(CHANNEL, signed).hex()
    return answer, Session(answer["sid"], private, hello["encPub"], signed)
