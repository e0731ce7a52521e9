"""Known answers: what the original implementation computed, and the example of Docs/SECURE_CHANNEL.md."""

import json

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from . import identity
from .channel import ClientHandshake, FrameOpener, FrameSealer, Session, accept, transcript
from .encoding import as_json, as_sorted_json, b64url, from_json, require, unb64url, unhex
from .pairing import SUITE, invite_from_link, invite_link, open_key, seal_key, word_numbers


class Checks:
    """Counts what was compared, and stops at what differs."""

    def __init__(self):
        self.count = 0

    def same(self, got, expected, what):
        require(got == expected, f"{what}: {got!r} instead of {expected!r}")
        self.count += 1


def run(path):
    """Checks everything in a file of vectors, and gives how many answers were compared."""
    with open(path, encoding="utf-8") as file:
        vectors = json.load(file)
    checks = Checks()
    for check in (_identity, _signatures, _access_keys, _invite, _envelope, _recorded_channel):
        check(vectors, checks)
    _worked_example(checks)
    return checks.count


def _identity(vectors, checks):
    for vector in vectors["keccak256"]:
        checks.same(identity.keccak256(vector["utf8"].encode("utf-8")).hex(), vector["digest"], "Keccak-256")
    for vector in vectors["identity"]:
        master = unhex(vector["master"], 32)
        checks.same(identity.master_address(master), vector["address"], "a master's address")
        for agent in vector["agents"]:
            checks.same(identity.agent_secret(master, agent["index"]).hex(), agent["key"], "an agent's key")
            checks.same(identity.agent_key(master, agent["index"]).address, agent["address"], "an agent's address")


def _signatures(vectors, checks):
    for vector in vectors["signatures"]:
        key = identity.SigningKey(unhex(vector["key"], 32))
        payload, signature = unhex(vector["payload"]), unhex(vector["signature"], 65)
        checks.same(key.sign(vector["domain"], payload), signature, f"a signature as {vector['domain']}")
        checks.same(identity.recover(vector["domain"], payload, signature), key.address, "its signer")
        other = identity.recover(vector["domain"], payload + b"x", signature)
        checks.same(other == key.address, False, "the signer of something else")


def _access_keys(vectors, checks):
    for vector in vectors["access_keys"]:
        master, index = unhex(vector["master"], 32), vector["index"]
        key = identity.SigningKey(master) if index < 0 else identity.agent_key(master, index)
        expires = None if vector["exp"] < 0 else vector["exp"]
        minted = identity.mint(key, vector["lbl"], vector["cnt"], vector["iat"], expires, vector["nonce"])
        checks.same(minted, vector["key"], "an access key")


def _invite(vectors, checks):
    vector = vectors["invite"]
    invite = invite_from_link(vector["deeplink"])
    agent = identity.agent_key(unhex(vector["master"], 32), vector["index"])
    checks.same(invite["addr"], agent.address, "who invites")
    checks.same(invite_link(invite), vector["deeplink"], "an invite, written again")


def _envelope(vectors, checks):
    vector = vectors["pairing_envelope"]
    private = X25519PrivateKey.from_private_bytes(unhex(vector["recipient_private"], 32))
    opened = SUITE.decrypt(unb64url(vector["enc"]) + unb64url(vector["ct"]), private, info=vector["info"].encode())
    checks.same(opened.decode(), vector["plaintext"], "a sealed key")
    agent = identity.agent_key(bytes(range(32)), 0)
    key = identity.mint(agent, "", 1, 1, None)
    receiver = b64url(private.public_key().public_bytes_raw())
    sealed = seal_key(key, agent.address, "aa", receiver)
    checks.same(open_key(sealed, agent.address, "aa", private), key, "a key, sealed and opened")
    words = word_numbers(
        "6F9619FF-8B86-D011-B42D-00C04FC964FF",
        "ab" * 32,
        "0x0102030405060708090A0B0C0D0E0F1011121314",
        "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA",
    )
    # win error repair prefer, by their places in the English list of BIP39.
    checks.same(words, [2010, 614, 1460, 1358], "the four words")


def _recorded_channel(vectors, checks):
    vector = vectors["secure_channel"]
    hello, answer = (from_json(vector[name], name) for name in ("client_hello", "server_hello"))
    checks.same(transcript(hello, answer).decode(), vector["transcript"], "the transcript")
    private = X25519PrivateKey.from_private_bytes(unhex(vector["client_ephemeral_private"], 32))
    agent = identity.agent_key(unhex(vector["agent_master"], 32), vector["agent_index"])
    handshake = ClientHandshake(agent.address, private, unb64url(hello["nonce"]))
    checks.same(handshake.hello, hello, "the hello")
    session = handshake.finish(answer, now=answer["expiresAt"] - 3600)
    for call in vector["calls"]:
        sent = from_json(call["call"], "a call")
        sealed, _ = session.seal_call(call["inner"].encode("utf-8"), number=call["seq"])
        checks.same(json.loads(sealed), sent, "a call, sealed")
        checks.same(session.open_call(sent).decode("utf-8"), call["inner"], "a call, opened")
        opener, sealer = FrameOpener(session, call["seq"]), FrameSealer(session, call["seq"])
        for place, (frame, plain) in enumerate(zip(call["frames"], call["plaintexts"], strict=True)):
            checks.same(opener.open(frame).decode("utf-8"), plain, "a frame, opened")
            last = place == len(call["frames"]) - 1
            checks.same(sealer.seal(plain.encode("utf-8"), last).decode(), frame, "a frame, sealed")
        checks.same(opener.is_over, True, "the end of an answer")


def _worked_example(checks):
    """Docs/SECURE_CHANNEL.md, "A worked example"."""
    master = unhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80", 32)
    agent = identity.agent_key(master, 0)
    client = X25519PrivateKey.from_private_bytes(bytes(range(0x01, 0x21)))
    server = X25519PrivateKey.from_private_bytes(bytes(range(0x21, 0x41)))
    handshake = ClientHandshake(agent.address, client, bytes(range(16)))
    checks.same(handshake.hello["encPub"], "B6N8vBQgk8i3VdwbEOhstCY3StFqqFPtC9_AsrhtHHw", "the client's key")
    sid = bytes(range(0x10, 0x20))
    answer, at_server = accept(handshake.hello, agent, server, sid, now=1_800_000_000 - 3600)
    checks.same(
        answer["signature"],
        "0x4ae3c947a67e9e2da807db537ff1692419deb282bc4328c4d1a7b9fddfba22ce"
        "6cdbf82f8e17f3d5ff7373d4b621b88008210a7ffe3353cee1d4a516a293d2261c",
        "the server's signature",
    )
    at_client: Session = handshake.finish(answer, now=1_800_000_000 - 3600)
    for session in (at_client, at_server):
        checks.same(session.to_server.hex(), "ac1d563419eb45e5f9830685c6e54ffbfe5a9f3a201f635ab74a63bc0c5b1607", "c2s")
        checks.same(session.to_client.hex(), "db91de049725e5a2d465423a58f536da618e343cffae540ebb3a59d6ebbe7585", "s2c")
        checks.same(
            session.response_key(1).hex(), "228932836c264e583a4906d371fa4a5e13a47eeb068e84771c12cc3517378522", "resp(1)"
        )
    call, _ = at_client.seal_call(b'{"method":"GET","path":"/models"}')
    ct = "Xu8-sdT75AM0zNhyjldZjmJ9O3K8ULg7vWTAVzIwR0HvQmIu8DweAPofyee_foUIjQ"
    checks.same(json.loads(call), {"v": 1, "sid": b64url(sid), "seq": 1, "ct": ct}, "the call")
    checks.same(at_server.open_call(json.loads(call)), b'{"method":"GET","path":"/models"}', "the request")
    frame = FrameSealer(at_server, 1).seal(as_sorted_json({"status": 204}), True)
    checks.same(frame, as_json({"ct": "meXQTnM3AUT79cbc-bwcu9D4973PJVXhrw3ADH2U", "fin": True, "seq": 0}), "the frame")
