"""Somebody on another machine: asks to be let in, brings an invite, and talks through the channel."""

import http.client
import json
import os
import secrets
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from .channel import ClientHandshake, FrameOpener, public_half
from .encoding import as_json, as_sorted_json, b64url, from_json, member, require, unb64url
from .identity import PAIRING, pairing_key, same_address
from .pairing import (
    accepted_key,
    challenge_nonce,
    invite_from_link,
    open_key,
    request_payload,
    word_numbers,
)

PATIENCE = 150
JSON = "application/json"
EVENTS = "text/event-stream"


class Refused(Exception):
    """The host said no, in a way that the protocol knows."""

    def __init__(self, status, body):
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body


class Place:
    """Where a host is, and requests to it."""

    def __init__(self, url):
        parts = urlsplit(url)
        require(parts.scheme == "http" and parts.hostname, "only plain HTTP is spoken here")
        self.url = url.rstrip("/")
        self._host = parts.hostname
        self._port = parts.port
        self._path = parts.path.rstrip("/")

    def open(self, method, path, body=None, headers=None):
        """Sends a request and gives the answer, unread."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=PATIENCE)
        headers = {"User-Agent": "Osaurus/1 CFNetwork/3826 Darwin/24.6.0", "Accept": JSON, **(headers or {})}
        if body is not None:
            headers.setdefault("Content-Type", JSON)
        connection.request(method, self._path + path, body=body, headers=headers)
        answer = connection.getresponse()
        answer.connection = connection
        return answer

    def ask(self, method, path, body=None, headers=None):
        """Sends a request and gives the whole of its answer, which has to be an object."""
        answer = self.open(method, path, body, headers)
        data = answer.read()
        answer.connection.close()
        message = from_json(data, f"the answer to {path}")
        if answer.status != 200:
            raise Refused(answer.status, message)
        return message


# To be let in


def pair(url, agent_id, agent, binds, tell):
    """Asks to be let in as a client that nobody changed would, or, if it binds, as one of ours.

    `tell` is given who asks and the numbers of the words, before the host is asked.
    """
    place = Place(url)
    connector = pairing_key(secrets.token_bytes(32))
    nonce = challenge_nonce(place.ask("GET", "/pair/challenge"))
    private = X25519PrivateKey.generate()
    enc_pub = public_half(private)
    request = {
        "connectorAddress": connector.address,
        "agentId": agent_id,
        "nonce": nonce,
        "signature": "0x" + connector.sign(PAIRING, request_payload(nonce, enc_pub)).hex(),
        "encPub": enc_pub,
    }
    if binds:
        request["bindAnswer"] = True
    tell({"connector": connector.address, "words": word_numbers(agent_id, nonce, connector.address, enc_pub)})
    answer = place.ask("POST", "/pair", as_json(request))
    key = accepted_key(answer, agent, connector.address, nonce, private, enc_pub, binds)
    return {"url": place.url, "base": "", "agent": agent, "agentId": agent_id, "key": key}


def redeem(link):
    """Brings an invite. The peer that comes of it is asked below /v1, as that of a relay is."""
    invite = invite_from_link(link)
    place = Place(invite["url"])
    private = X25519PrivateKey.generate()
    answer = place.ask("POST", "/pair-invite", as_sorted_json({**invite, "encPub": public_half(private)}))
    what = "the redemption's answer"
    require(same_address(member(answer, "agentAddress", str, what), invite["addr"]), "another agent answered")
    require(member(answer, "agentName", str, what) == invite["name"], "the agent has another name")
    require(member(answer, "relayBaseURL", str, what) == invite["url"], "the host is elsewhere")
    require(member(answer, "apiKey", str, what) == "", "the key came in the clear")
    require(member(answer, "secureChannel", bool, what), "no secure channel")
    key = open_key(member(answer, "sealedApiKey", dict, what), invite["addr"], invite["nonce"], private)
    return {"url": place.url, "base": "/v1", "agent": invite["addr"], "agentId": None, "key": key}


def keep(peer, path):
    """Writes a peer down, readable by its owner alone."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(peer, file)


def remembered(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


# Through the channel


class Channel:
    """A session with an agent, and calls through it."""

    def __init__(self, peer):
        self.peer = peer
        self.place = Place(peer["url"])
        self.base = peer["base"]
        handshake = ClientHandshake(peer["agent"])
        answer = self.place.ask("POST", self.base + "/secure/session", as_json(handshake.hello))
        self.session = handshake.finish(answer)

    def inner(self, method, path, body=None, accept=JSON, key=""):
        request = {"method": method, "path": self.base + path}
        if key is not None:
            request["authorization"] = "Bearer " + (key or self.peer["key"])
        request["accept"] = accept
        if body is not None:
            request["contentType"] = JSON
            request["body"] = b64url(as_json(body))
        return as_json(request)

    def send(self, call, accept=JSON):
        return self.place.open("POST", self.base + "/secure/call", call, {"Accept": accept})

    def ask(self, method, path, body=None, key=""):
        """The status and the body of an answer in one piece."""
        call, number = self.session.seal_call(self.inner(method, path, body, key=key))
        return self.opened(self.send(call), number)

    def opened(self, answer, number):
        """Opens an answer in one piece."""
        data = answer.read()
        answer.connection.close()
        if answer.status != 200:
            raise Refused(answer.status, from_json(data, "the refusal"))
        require(answer.getheader("Content-Type", "").startswith(JSON), "an answer in one piece is JSON")
        opener = FrameOpener(self.session, number)
        inner = from_json(opener.open(data), "the inner answer")
        require(opener.is_over, "an answer in one piece has one frame")
        status = member(inner, "status", int, "the inner answer")
        return status, unb64url(inner.get("body", ""))

    def models(self):
        """The ids of the host's models, and the status of the answer."""
        status, body = self.ask("GET", "/models")
        return status, [model["id"] for model in json.loads(body).get("data", [])]

    def agent_id(self):
        """The id by which the host knows the agent."""
        if self.peer["agentId"]:
            return self.peer["agentId"]
        status, body = self.ask("GET", "/agents")
        require(status == 200, f"the agents cannot be listed: {status}")
        ids = [agent["id"] for agent in json.loads(body)["agents"]]
        require(len(ids) == 1, f"{len(ids)} agents")
        return ids[0]

    def run(self, prompt):
        """Runs the agent and reads its answer as it comes."""
        order = {"model": "default", "messages": [{"role": "user", "content": prompt}], "stream": True}
        path = f"/agents/{self.agent_id()}/run"
        call, number = self.session.seal_call(self.inner("POST", path, order, accept=EVENTS))
        answer = self.send(call, accept=EVENTS)
        if answer.status != 200:
            raise Refused(answer.status, from_json(answer.read(), "the refusal"))
        kind = answer.getheader("Content-Type", "")
        if not kind.startswith(EVENTS):
            status, body = self.opened(answer, number)
            raise Refused(status, from_json(body, "the inner refusal"))
        opener = FrameOpener(self.session, number)
        pieces = [opener.open(frame) for frame in events(answer)]
        answer.connection.close()
        require(opener.is_over, "the stream was cut")
        require(pieces[-1] == b"", "the last frame of a stream is empty")
        return {"call": number, "frames": opener.count, **said(b"".join(pieces))}


def events(answer):
    """The data of each event of a stream: cut at empty lines and nowhere else."""
    held = b""
    while data := answer.read1(65536):
        held += data
        while (end := held.find(b"\n\n")) >= 0:
            event, held = held[:end], held[end + 2 :]
            lines = [line.removeprefix(b"data:") for line in event.split(b"\n") if line.startswith(b"data:")]
            if lines:
                yield b"\n".join(line.removeprefix(b" ") for line in lines)
    require(not held, "an event without an end")


def said(stream):
    """What an agent said: its text, why it stopped, and whether the stream ended as it should."""
    result = {"text": "", "role": None, "finish": None, "done": False}
    for event in stream.decode("utf-8").split("\n\n"):
        if not event.startswith("data: "):
            require(not event or event.startswith(":"), f"a strange event: {event!r:.60}")
            continue
        require(not result["done"], "an event after [DONE]")
        data = event.removeprefix("data: ")
        if data == "[DONE]":
            result["done"] = True
            continue
        chunk = from_json(data, "a chunk")
        require("error" not in chunk, f"the answer failed: {data}")
        require(member(chunk, "object", str, "a chunk") == "chat.completion.chunk", "a strange chunk")
        for choice in chunk["choices"]:
            result["role"] = choice["delta"].get("role", result["role"])
            result["text"] += choice["delta"].get("content") or ""
            result["finish"] = choice.get("finish_reason") or result["finish"]
    return result
