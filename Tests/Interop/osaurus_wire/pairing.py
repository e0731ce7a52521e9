"""What travels before there is a channel: pairing requests, sealed access keys and invites."""

import hashlib
import secrets
import time
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from .encoding import as_sorted_json, b64url, from_json, member, require, unb64url, unhex
from .identity import INVITE, PAIRING_SERVER, access_key_claims, same_address, signed_by

SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
ENCAPSULATED = 32


def _info(agent, nonce):
    return f"osaurus-pair-key-v1:{agent.lower()}:{nonce}".encode("utf-8")


def seal_key(key, agent, nonce, receiver):
    """An access key that one receiver can open."""
    sealed = SUITE.encrypt(
        key.encode("utf-8"), X25519PublicKey.from_public_bytes(unb64url(receiver, 32)), info=_info(agent, nonce)
    )
    return {"ct": b64url(sealed[ENCAPSULATED:]), "enc": b64url(sealed[:ENCAPSULATED])}


def open_key(sealed, agent, nonce, private):
    """The access key that was sealed, which has to be that agent's own."""
    what = "the sealed key"
    enc, ct = (unb64url(member(sealed, name, str, what)) for name in ("enc", "ct"))
    key = SUITE.decrypt(enc + ct, private, info=_info(agent, nonce)).decode("utf-8")
    access_key_claims(key, agent)
    return key


def challenge_nonce(answer):
    nonce = member(answer, "nonce", str, "the challenge")
    require(len(unhex(nonce)) == 32 and nonce == nonce.lower(), "a nonce is 64 lowercase digits")
    return nonce


def request_payload(nonce, enc_pub):
    """What a connector signs."""
    return (f"{nonce}:{enc_pub}" if enc_pub else nonce).encode("ascii")


def answer_payload(agent, nonce):
    """What the agent signs for every connector."""
    return f"osaurus-pairing-server-v1:{agent.lower()}:{nonce}".encode("ascii")


def bound_answer_payload(agent, connector, nonce, enc_pub, sealed, permanent):
    """What the agent of a host like ours signs, too, for whoever asks for that."""
    length = "permanent" if permanent else "limited"
    return (
        f"osaurus-pairing-answer-v1:{agent.lower()}:{connector.lower()}:{nonce}:{enc_pub}"
        f":{sealed['enc']}:{sealed['ct']}:{length}"
    ).encode("ascii")


def word_numbers(agent_id, nonce, connector, enc_pub):
    """The numbers of the four words that both ends of a pairing show."""
    text = f"osaurus-pair-words-v1:{agent_id}:{nonce}:{connector.lower()}:{enc_pub}"
    bits = int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest(), "big") >> (256 - 44)
    return [bits >> (33 - 11 * position) & 0x7FF for position in range(4)]


def accepted_key(answer, agent, connector, nonce, private, enc_pub, bound):
    """The access key of an answer to a pairing request, once it is all that it has to be."""
    what = "the pairing's answer"
    require(same_address(member(answer, "agentAddress", str, what), agent), "another agent answered")
    require(member(answer, "apiKey", str, what) == "", "the key came in the clear")
    require(member(answer, "secureChannel", bool, what), "no secure channel")
    sealed = member(answer, "sealedApiKey", dict, what)
    signed_by(agent, PAIRING_SERVER, answer_payload(agent, nonce), member(answer, "serverSignature", str, what), what)
    if bound:
        payload = bound_answer_payload(
            agent, connector, nonce, enc_pub, sealed, member(answer, "isPermanent", bool, what)
        )
        signed_by(agent, PAIRING_SERVER, payload, member(answer, "answerSignature", str, what), "the bound answer")
    else:
        require("answerSignature" not in answer, "a signature that nobody asked for")
    return open_key(sealed, agent, nonce, private)


# Invites


def _invite_payload(invite):
    return f"osaurus-agent-invite-v1:{invite['addr']}:{invite['nonce']}:{invite['exp']}".encode("ascii")


def make_invite(agent, name, description, url, expires):
    """An invite as hosts of other makes write it: its nonce is random, and binds nothing else."""
    invite = {
        "v": 1,
        "addr": agent.address,
        "name": name,
        "desc": description,
        "url": url,
        "nonce": b64url(secrets.token_bytes(32)),
        "exp": expires,
    }
    invite["sig"] = agent.sign(INVITE, _invite_payload(invite)).hex()
    return invite


def invite_link(invite):
    return f"osaurus://{invite['addr'].lower()}?pair={b64url(as_sorted_json(invite))}"


def invite_from_link(link):
    """An invite that its agent signed and that has not ended."""
    parts = urlsplit(link.strip())
    require(parts.scheme.lower() == "osaurus", "no invite")
    texts = parse_qs(parts.query).get("pair", [])
    require(len(texts) == 1, "an invite without its content")
    what = "the invite"
    invite = from_json(unb64url(texts[0]), what)
    require(member(invite, "v", int, what) == 1, "the invite is of another version")
    for name in ("name", "url"):
        member(invite, name, str, what)
    unb64url(member(invite, "nonce", str, what), 32)
    require(time.time() < member(invite, "exp", int, what), "the invite has ended")
    signed_by(
        member(invite, "addr", str, what), INVITE, _invite_payload(invite), member(invite, "sig", str, what), what
    )
    require(same_address(parts.netloc, invite["addr"]), "the link names another agent")
    return invite
