"""Identity: Keccak-256, addresses, keys, the signing envelope and access keys."""

import hashlib
import hmac
import time
import uuid

import ecdsa
from Crypto.Hash import keccak
from ecdsa.util import sigdecode_string, sigencode_string_canonize

from .encoding import WireError, as_sorted_json, b64url, from_json, member, require, unb64url, unhex

CURVE = ecdsa.SECP256k1
ORDER = CURVE.order

MESSAGE = "Osaurus Signed Message"
ACCESS = "Osaurus Signed Access"
PAIRING = "Osaurus Signed Pairing"
PAIRING_SERVER = "Osaurus Signed Pairing Server"
INVITE = "Osaurus Signed Invite"
CHANNEL = "Osaurus Secure Channel"


def keccak256(data):
    """Keccak-256 with the padding of the submission, not SHA-3's."""
    return keccak.new(digest_bits=256, data=data).digest()


def checksummed(address):
    """An address of 20 bytes in the mixed case of EIP-55."""
    digits = address.hex()
    nibbles = keccak256(digits.encode("ascii")).hex()
    return "0x" + "".join(d.upper() if int(n, 16) >= 8 else d for d, n in zip(digits, nibbles))


def same_address(one, other):
    """Whether two texts are one address, whatever their case."""
    return unhex(one, 20) == unhex(other, 20)


def _address(public):
    return checksummed(keccak256(public.to_string("raw"))[12:])


def _digest(domain, payload):
    return keccak256(b"\x19" + f"{domain}:\n{len(payload)}".encode("ascii") + payload)


def _candidates(signature, digest):
    """The two public keys to which r and s belong: that of the even point first."""
    return ecdsa.VerifyingKey.from_public_key_recovery_with_digest(
        signature, digest, CURVE, hashfunc=hashlib.sha256, sigdecode=sigdecode_string
    )


class SigningKey:
    """A secp256k1 key that signs in the domains of the protocol."""

    def __init__(self, secret):
        self._key = ecdsa.SigningKey.from_string(secret, curve=CURVE, hashfunc=hashlib.sha256)
        self.address = _address(self._key.verifying_key)

    def sign(self, domain, payload):
        """r, s and v: deterministic (RFC 6979), with the lower s."""
        digest = _digest(domain, payload)
        signature = self._key.sign_digest_deterministic(
            digest, hashfunc=hashlib.sha256, sigencode=sigencode_string_canonize
        )
        own = self._key.verifying_key.to_string()
        parity = [key.to_string() for key in _candidates(signature, digest)].index(own)
        return signature + bytes([27 + parity])


def recover(domain, payload, signature):
    """The address that signed."""
    require(len(signature) == 65, "a signature has 65 bytes")
    require(signature[64] in (27, 28), "a signature ends with 27 or 28")
    require(0 < int.from_bytes(signature[32:64], "big") <= ORDER // 2, "the signature's s is not the lower one")
    try:
        keys = _candidates(signature[:64], _digest(domain, payload))
        return _address(keys[signature[64] - 27])
    except (ecdsa.errors.MalformedPointError, ecdsa.numbertheory.Error, IndexError, ValueError) as error:
        raise WireError(f"nothing can be recovered: {error}") from None


def signed_by(address, domain, payload, signature, what):
    """Checks a signature in hexadecimal digits."""
    signer = recover(domain, payload, unhex(signature, 65))
    require(same_address(signer, address), f"{what} is signed by {signer}, not by {address}")


def master_address(master):
    return SigningKey(master).address


def agent_secret(master, index):
    return hmac.digest(master, b"osaurus-agent-v1" + index.to_bytes(4, "big"), "sha512")[:32]


def agent_key(master, index):
    return SigningKey(agent_secret(master, index))


def pairing_key(master):
    """By which a machine asks to be let in."""
    return SigningKey(hmac.digest(master, b"osaurus-pair-v1", "sha512")[:32])


def mint(issuer, label, counter, issued, expires, nonce=None):
    """An access key of an issuer for itself."""
    claims = {"aud": issuer.address, "cnt": counter, "iat": issued, "iss": issuer.address}
    claims["nonce"] = nonce or uuid.uuid4().hex
    if expires is not None:
        claims["exp"] = expires
    if label:
        claims["lbl"] = label
    payload = as_sorted_json(claims)
    return f"osk-v1.{b64url(payload)}.{issuer.sign(ACCESS, payload).hex()}"


def access_key_claims(text, issuer):
    """The claims of an access key that its issuer made for itself and that holds."""
    parts = text.split(".")
    require(len(parts) == 3 and parts[0] == "osk-v1", "no access key")
    payload = unb64url(parts[1])
    claims = from_json(payload, "the access key")
    signed_by(member(claims, "iss", str, "the access key"), ACCESS, payload, parts[2], "the access key")
    require(same_address(claims["iss"], issuer), "the access key is another issuer's")
    require(same_address(member(claims, "aud", str, "the access key"), issuer), "the access key is for another agent")
    require("exp" not in claims or time.time() < member(claims, "exp", int, "the access key"), "the access key ended")
    return claims
