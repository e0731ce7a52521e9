import Foundation

/// Code in a sandbox that asks its host, over the real socket of a real service.
enum BridgeBenchmarks {
  static let all = [Benchmark("bridge") { try await roundTrip(into: &$0) }]

  /// Milliseconds that a call may take, the median of many.
  private static let most = 1.0

  /// All calls go over one connection, and are fewer than an agent has in a minute; the first ten do not count. The echo is a Unix
  /// socket and nothing else, in the same sandbox.
  private static let script = """
    import http.client, json, os, socket, statistics, threading, time
    class Bridge(http.client.HTTPConnection):
      def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(os.environ["OSAURUS_BRIDGE"])
    token = open(os.environ["OSAURUS_BRIDGE_TOKEN_FILE"]).read()
    headers = {"Authorization": "Bearer " + token}
    bridge = Bridge("bridge")
    body = json.dumps({"value": "measured"})
    bridge.request("POST", "/api/config/bench", body, headers)
    bridge.getresponse().read()
    ours, theirs = socket.socketpair()
    def echo():
      while True:
        piece = theirs.recv(4096)
        if not piece: return
        theirs.sendall(piece)
    threading.Thread(target=echo, daemon=True).start()
    calls, echoes = [], []
    for _ in range(110):
      begin = time.perf_counter()
      bridge.request("GET", "/api/config/bench", headers=headers)
      answer = bridge.getresponse()
      answer.read()
      assert answer.status == 200
      calls.append((time.perf_counter() - begin) * 1000)
      begin = time.perf_counter()
      ours.sendall(b"x" * 200)
      ours.recv(4096)
      echoes.append((time.perf_counter() - begin) * 1000)
    def at(times, percent): return sorted(times[10:])[percent]
    print(json.dumps({"p50": at(calls, 50), "p99": at(calls, 99), "echo50": at(echoes, 50), "echo99": at(echoes, 99)}))
    """

  fileprivate struct Times: Decodable, Sendable {
    let p50: Double
    let p99: Double
    let echo50: Double
    let echo99: Double
  }

  private static func roundTrip(into report: inout Report) async throws {
    try await ModelServer.run { model in
      let host = try HostProcess(program: ServerBenchmarks.program, modelURL: model.url)
      defer { host.stop() }
      var times: [Times] = []
      for _ in 0..<5 {
        let said = try host.output(
          "sandbox", "exec", "--agent", "Ada", "--bridge", "--timeout", "120", "--", "python3", "-c", script)
        times.append(try JSONDecoder().decode(Times.self, from: Data(said.utf8)))
      }
      return times
    }.report(into: &report, most: most)
  }
}

extension [BridgeBenchmarks.Times] {
  fileprivate func report(into report: inout Report, most: Double) {
    for (name, ours, echo, floor) in [
      ("median", map(\.p50), map(\.echo50), most as Double?), ("99 of 100", map(\.p99), map(\.echo99), nil),
    ] {
      let (ours, echo) = (SideBySide.median(ours), SideBySide.median(echo))
      report.measurements.append(
        Measurement(
          name: "a call of the host from a sandbox, \(name)", ours: ours, alternative: echo,
          alternativeName: "a bare echo over a Unix socket", unit: "ms", ratio: ours,
          direction: floor == nil ? nil : .atMost, floor: floor))
    }
  }
}
