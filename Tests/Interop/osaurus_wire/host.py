"""A host with one agent: lets in whoever asks, and answers through the channel alone."""

import json
import secrets
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .channel import FrameSealer, accept
from .encoding import WireError, as_sorted_json, b64url, from_json, member, require, unb64url, unhex
from .identity import PAIRING, PAIRING_SERVER, agent_key, mint, signed_by
from .pairing import answer_payload, bound_answer_payload, invite_link, make_invite, request_payload, seal_key

DAY = 86_400
MARK = b"OSH-v1"
CODES = {
    400: ("secure_malformed", "Malformed secure call"),
    401: ("secure_session_unknown", "Unknown or expired secure session"),
    409: ("secure_replay", "Replayed secure call rejected"),
}


class Host:
    """What a host knows. `manner` is how it is to behave: well, or in one of the ways in which an attacker would."""

    def __init__(self, manner):
        master = secrets.token_bytes(32)
        self.manner = manner
        self.agent = agent_key(master, 0)
        self.impostor = agent_key(master, 1)
        self.agent_id = str(uuid.uuid4()).upper()
        self.lock = threading.Lock()
        self.nonces = {}
        self.keys = {}
        self.sessions = {}
        self.invites = {}
        self.forgets = True
        self.counter = 0

    def minted(self, label, days):
        with self.lock:
            self.counter += 1
            now = int(time.time())
            key = mint(self.agent, label, self.counter, now, now + days * DAY)
            self.keys[key] = label
            return key

    # Before the channel

    def challenge(self):
        binds = self.manner == "binding"
        nonce = (secrets.token_bytes(26) + MARK if binds else secrets.token_bytes(32)).hex()
        self.nonces[nonce] = time.monotonic() + 120
        return 200, {"nonce": nonce}

    def pair(self, body):
        try:
            request = from_json(body, "the request")
            connector, agent_id, nonce, signature, enc_pub = (
                member(request, name, str, "the request")
                for name in ("connectorAddress", "agentId", "nonce", "signature", "encPub")
            )
        except WireError:
            return 400, {"error": "Invalid pairing request"}
        try:
            signed_by(connector, PAIRING, request_payload(nonce, enc_pub), signature, "the request")
        except WireError:
            return 401, {"error": "Signature verification failed"}
        if self.nonces.pop(nonce, 0) < time.monotonic():
            return 401, {"error": "Pairing challenge expired or invalid"}
        if agent_id.upper() != self.agent_id:
            return 404, {"error": "Agent not found or not available for pairing"}
        if self.manner == "denying":
            return 403, {"error": "Pairing denied"}
        agent = self.agent.address
        key = self.minted("Paired – 127.0.0.1", 90)
        sealed = seal_key(key, agent, nonce, enc_pub)
        answer = {
            "agentAddress": agent,
            "apiKey": key if self.manner == "plain" else "",
            "isPermanent": False,
            "sealedApiKey": sealed,
            "secureChannel": True,
            "serverSignature": self._signature(answer_payload(agent, nonce)),
        }
        if self.manner == "binding" and request.get("bindAnswer") is True:
            answer["answerSignature"] = self._signature(
                bound_answer_payload(agent, connector, nonce, enc_pub, sealed, False)
            )
        return 200, answer

    def _signature(self, payload):
        signer = self.impostor if self.manner == "unsigned" else self.agent
        return "0x" + signer.sign(PAIRING_SERVER, payload).hex()

    def invite(self, url):
        invite = make_invite(self.agent, "Rex", "Answers/as a test", url, int(time.time()) + DAY)
        self.invites[invite["nonce"]] = invite
        return invite_link(invite)

    def redeem(self, body):
        request = from_json(body, "the request")
        invite = self.invites.pop(request.get("nonce"), None)
        if invite is None or any(request.get(name) != value for name, value in invite.items()):
            return 401, {"error": "Invite is not registered on this server"}
        key = self.minted(f"Invite – Rex ({invite['nonce'][:8]})", 365)
        return 200, {
            "agentAddress": invite["addr"],
            "agentDescription": invite["desc"],
            "agentName": invite["name"],
            "apiKey": "",
            "relayBaseURL": invite["url"],
            "sealedApiKey": seal_key(key, invite["addr"], invite["nonce"], request["encPub"]),
            "secureChannel": True,
        }

    def handshake(self, body):
        hello = from_json(body, "the hello")
        if unhex(hello["agentAddress"]) != unhex(self.agent.address):
            return 404, {"error": "Unknown agent address"}
        require(len(unb64url(hello["nonce"])) == 16, "a client's nonce has 16 bytes")
        answer, session = accept(hello, self.impostor if self.manner == "impostor" else self.agent)
        with self.lock:
            self.sessions[session.sid] = session
        return 200, answer

    # In the channel

    def call(self, body):
        """The session, the number and the inner request of a call, or the status that refuses it."""
        try:
            call = from_json(body, "the call")
            with self.lock:
                session = self.sessions.get(call["sid"])
                if session is None:
                    return 401
                if self.manner == "forgetful" and self.forgets:
                    self.forgets = False
                    del self.sessions[call["sid"]]
                    return 401
                inner = session.open_call(call)
            return session, call["seq"], from_json(inner, "the inner request")
        except WireError:
            return 400
        except KeyError:
            return 409

    def answer(self, inner):
        """Status, type and pieces of the answer to an inner request; a stream has more than one."""
        if inner.get("authorization", "").removeprefix("Bearer ") not in self.keys:
            error = {"message": "Invalid access key: Unrecognized token format", "type": "authentication_error"}
            return 401, "application/json", [as_sorted_json({"error": error})]
        path = inner["path"].removeprefix("/v1")
        names = {self.agent_id.lower(), self.agent.address.lower()}
        if (inner["method"], path) == ("GET", "/models"):
            model = {"id": "interop/one", "object": "model", "created": 1, "owned_by": "tests"}
            return 200, "application/json", [as_sorted_json({"object": "list", "data": [model]})]
        if not path.startswith("/agents/") or path.split("/")[2].lower() not in names:
            return 404, "application/json", [as_sorted_json({"error": "agent_not_found", "message": "No agent found"})]
        if inner["method"] == "GET":
            agent = {"id": self.agent_id, "name": "Rex", "description": "", "is_built_in": False}
            return 200, "application/json", [as_sorted_json(agent)]
        order = json.loads(unb64url(inner["body"]))
        words = order["messages"][-1]["content"].split()
        return 200, "text/event-stream", pieces(stream(words))


def stream(words):
    """The events of an agent that says these words."""
    name = f"chatcmpl-{secrets.token_hex(6).upper()}"

    def chunk(delta, **more):
        body = {"id": name, "object": "chat.completion.chunk", "created": 1, "model": "interop/one"}
        body["choices"] = [{"index": 0, "delta": delta, **more}]
        return "data: " + json.dumps(body, ensure_ascii=False) + "\n\n"

    yield chunk({"role": "assistant", "content": ""})
    yield ": ping\n\n"
    for word in words:
        yield chunk({"content": word + " "})
    yield chunk({}, finish_reason="stop")
    yield "data: [DONE]\n\n"


def pieces(texts):
    """A stream in pieces that end anywhere, also within a character."""
    data = "".join(texts).encode("utf-8")
    return [data[start : start + 97] for start in range(0, len(data), 97)]


class Handler(BaseHTTPRequestHandler):
    """HTTP around a host."""

    protocol_version = "HTTP/1.1"
    host: Host

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path == "/pair/challenge":
            self._whole(*self.host.challenge())
        else:
            self._whole(404, {"error": "Not Found"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        routes = {"/pair": self.host.pair, "/pair-invite": self.host.redeem, "/secure/session": self.host.handshake}
        if self.path in routes:
            self._whole(*routes[self.path](body))
        elif self.path == "/secure/call":
            self._sealed(self.host.call(body))
        else:
            self._whole(404, {"error": "Not Found"})

    def _whole(self, status, message):
        self._piece(status, json.dumps(message, sort_keys=True, ensure_ascii=False).encode("utf-8"))

    def _piece(self, status, data):
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)
        self.close_connection = True

    def _sealed(self, call):
        if isinstance(call, int):
            code, message = CODES[call]
            return self._whole(call, {"error": {"code": code, "message": message, "type": "secure_channel_error"}})
        session, number, inner = call
        status, kind, parts = self.host.answer(inner)
        sealer = FrameSealer(session, number)
        if kind != "text/event-stream":
            whole = {"body": b64url(b"".join(parts)), "contentType": kind, "status": status}
            return self._piece(200, sealer.seal(as_sorted_json(whole), True))
        frames = [sealer.seal(part, False) for part in parts] + [sealer.seal(b"", True)]
        self._stream(tampered(self.host.manner, frames))
        return None

    def _stream(self, frames):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("X-Osaurus-Secure-Channel", "1")
        self.end_headers()
        data = b"".join(b"data: " + frame + b"\n\n" for frame in frames)
        # However the network cuts it.
        for start in range(0, len(data), 61):
            part = data[start : start + 61]
            self.wfile.write(f"{len(part):x}\r\n".encode("ascii") + part + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True


def tampered(manner, frames):
    """The frames as somebody in between would hand them on."""
    if manner == "cutting":
        return frames[:-1]
    if manner == "swapping":
        return [frames[0], frames[2], frames[1], *frames[3:]]
    if manner == "repeating":
        return [frames[0], frames[1], *frames[1:]]
    if manner == "flipping":
        frame = json.loads(frames[1])
        frame["ct"] = ("A" if frame["ct"][0] != "A" else "B") + frame["ct"][1:]
        return [frames[0], as_sorted_json(frame), *frames[2:]]
    if manner == "ending":
        frame = {**json.loads(frames[1]), "fin": True}
        return [frames[0], as_sorted_json(frame)]
    return frames


MANNERS = (
    "well binding denying plain unsigned impostor forgetful cutting swapping repeating flipping ending".split()
)


def serve(manner, announce):
    """Runs a host until the program is ended; `announce` is told where it is and whose agent it has."""
    host = Host(manner)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("HostHandler", (Handler,), {"host": host}))
    server.daemon_threads = True
    url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    announce({"url": url, "agentId": host.agent_id, "address": host.agent.address, "invite": host.invite(url)})
    return server
