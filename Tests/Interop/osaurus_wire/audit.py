"""The audit of a host: checks an export with nothing but its lines (Docs/AUDIT.md)."""

import hashlib
import json
import uuid

from .encoding import WireError, require, unhex
from .identity import recover, same_address

LABEL = b"osaurus-host audit record v1\x00"
DOMAIN = "Osaurus Host Audit Checkpoint"

KINDS = {
    "bound": 1, "begun": 2, "ended": 3, "refused": 4, "toolCall": 5, "permission": 6, "pruned": 7, "connection": 8,
}
ORIGINS = {"host": 1, "owner": 2, "agent": 3, "bridge": 4, "plugin": 5}
OUTCOMES = [
    "none", "exited", "signalled", "timeLimit", "memory", "processes", "disk", "output", "cancelled",
    "serviceEnded", "notStarted", "refused", "granted", "denied", "succeeded", "failed",
]


def _text(text):
    data = text.encode("utf-8")
    return len(data).to_bytes(2, "big") + data


def _names(names):
    return bytes([len(names)]) + b"".join(_text(name) for name in names)


def record_bytes(line):
    """The bytes of a record, made of what its line says."""
    parts = [line["sequence"].to_bytes(8, "big"), line["time"].to_bytes(8, "big")]
    parts.append(bytes([KINDS[line["kind"]], ORIGINS[line["origin"]], OUTCOMES.index(line["outcome"])]))
    parts.append(line["exitCode"].to_bytes(4, "big", signed=True))
    parts.append(uuid.UUID(line["subject"]).bytes if "subject" in line else bytes(16))
    parts.append(unhex(line["address"], 20) if "address" in line else bytes(20))
    parts.append(bytes.fromhex(line["code"]) if "code" in line else bytes(32))
    parts += [line[name].to_bytes(8, "big") for name in ("about", "durationMs", "peakMemory")]
    parts += [_text(line["reason"]), _names(line["allowedTools"]), _names(line["calledTools"])]
    return b"".join(parts)


class Check:
    """Reads the lines of an export in their order."""

    def __init__(self):
        self.sequence = self.records = self.checkpoints = self.signed = self.floor = 0
        self.hash = bytes(32)
        self.host = self.signer = None
        self.has_head = self.is_founded = self.is_over = False

    def take(self, line):
        require(not self.is_over, "something follows the end")
        kind = line.get("type")
        require((kind == "audit") != self.has_head, "an export begins with its head, once")
        if kind == "audit":
            self.head(line)
        elif kind == "record":
            self.record(line)
        elif kind == "checkpoint":
            self.checkpoint(line)
        elif kind == "end":
            require(line["last"] == self.sequence, f"records after {self.sequence} are missing")
            self.is_over = True
        else:
            raise WireError(f"record {line.get('sequence')} is broken")

    def head(self, line):
        require(line["version"] == 1, "another version of exports")
        self.has_head = True
        self.sequence = self.floor = line["floor"]
        self.hash = bytes.fromhex(line["floorHash"])
        self.host, self.signer = line.get("host"), line.get("signer")
        require(self.floor > 0 or self.hash == bytes(32), "an audit begins with zeros")

    def record(self, line):
        sequence = line["sequence"]
        require(sequence == self.sequence + 1, f"record {self.sequence + 1} is missing")
        self.hash = hashlib.sha256(LABEL + self.hash + record_bytes(line)).digest()
        require(self.hash.hex() == line["hash"], f"the chain breaks at record {sequence}")
        if line["kind"] == "bound":
            self.host, self.signer = line["subject"], line["address"]
        require(self.host is not None, "the first record does not say whose audit this is")
        self.sequence = sequence
        self.records += 1

    def checkpoint(self, line):
        sequence = line["sequence"]
        require(sequence == self.sequence, f"the record {sequence} of a signature is missing")
        require(same_address(line["signer"], self.signer), f"the signature at {sequence} is somebody else's")
        require(uuid.UUID(line["host"]) == uuid.UUID(self.host), f"the signature at {sequence} is of another host")
        payload = sequence.to_bytes(8, "big") + self.hash + line["time"].to_bytes(8, "big")
        payload += uuid.UUID(line["host"]).bytes
        signer = recover(DOMAIN, payload, bytes.fromhex(line["signature"]))
        require(same_address(signer, self.signer), f"the signature at {sequence} is not of what is there")
        self.is_founded = self.is_founded or sequence == self.floor
        self.signed = sequence
        self.checkpoints += 1


def verify(lines):
    """What an export amounts to."""
    check = Check()
    for line in lines:
        try:
            check.take(json.loads(line))
        except (KeyError, ValueError, OverflowError, TypeError) as error:
            raise WireError(f"a line after record {check.sequence} makes no sense: {error!r}") from None
    require(check.is_over, "the export was cut")
    require(check.floor == 0 or check.is_founded, f"no signature covers what was removed up to {check.floor}")
    return {
        "records": check.records, "checkpoints": check.checkpoints, "last": check.sequence,
        "unsigned": check.sequence - max(check.signed, check.floor), "signer": check.signer, "host": check.host,
    }
