import Foundation
import Identity
import Testing

@testable import Host
@testable import Pairing

/// Real hosts and devices on a real network, and somebody on it who means them ill.
@Suite(
  "An attacker on a network", .serialized, .timeLimit(.minutes(10)),
  .enabled(if: NetworkLab.isPossible, "only root can make a network for it"))
struct AttackerOnANetworkTests {
  /// What a host answered to a request of the attacker's.
  private struct Answer: Decodable, Hashable, Sendable {
    var path: String?
    let status: Int
    let text: String
  }

  /// A host with one agent that runs on `home`, a device, and the attacker's scripts for `street`.
  private struct Scene: Sendable {
    let lab: NetworkLab
    let host: LabProgram
    let phone: LabProgram
    let scripts: AttackerScripts
    let id: String
    let address: String

    /// The answers that a script prints.
    func run(_ command: String) async throws -> [Answer] {
      let said = try await lab.shell("street", command)
      return try JSONDecoder().decode([Answer].self, from: Data(said.utf8))
    }

    /// Asks for the agent by `connect pair`, while the owner of a host lets in whoever asks there.
    func pair(_ arguments: [String], at owner: LabProgram) async throws -> Program.Outcome {
      async let asked = phone(["connect", "pair"] + arguments + ["--keystore", "file", "--json"])
      let saying = Task {
        while !Task.isCancelled {
          guard let id = try await owner("pair", "requests", "--json").list.first?["id"] as? String else {
            continue
          }
          _ = try await owner("pair", "approve", id)
        }
      }
      defer { saying.cancel() }
      return try await asked
    }
  }

  private func withHost(
    serve: String = "--expose --port 4711", environment: [String: String] = [:],
    _ body: (Scene) async throws -> Void
  ) async throws {
    let home = TemporaryHome()
    let device = TemporaryHome()
    let scripts = try AttackerScripts()
    try await NetworkLab.run("home", "phone", "street") { lab in
      let host = LabProgram(lab: lab, machine: "home", home: home.path, environment: environment)
      _ = try await host("init", "--non-interactive", "--json", "--keystore", "file")
      let ada = try await host("agent", "create", "Ada", "--json").json
      try await host.serve(serve)
      let (id, address) = (ada["id"] as? String ?? "", ada["address"] as? String ?? "")
      let phone = LabProgram(lab: lab, machine: "phone", home: device.path)
      try await body(
        Scene(lab: lab, host: host, phone: phone, scripts: scripts, id: id, address: address))
    }
    withExtendedLifetime(home) {}
    withExtendedLifetime(device) {}
  }

  private static let url = "http://192.168.77.1:4711"

  /// What each of the requests that were recorded is answered when it is sent once more, by its path.
  private func replay(_ recording: String, to scene: Scene) async throws -> [String: [Answer]] {
    let answers = try await scene.run(scene.scripts("replay", recording, "192.168.77.1", "4711"))
    return Dictionary(grouping: answers) { $0.path ?? "" }
  }

  /// Everything that was recorded, as text.
  private func text(of recording: String) throws -> String {
    struct Part: Decodable { let data: String }
    let recorded = try String(contentsOfFile: recording, encoding: .utf8)
    var text = ""
    for line in recorded.split(separator: "\n") {
      let part = try JSONDecoder().decode(Part.self, from: Data(line.utf8))
      text += String(decoding: Hex.decode(part.data) ?? [], as: UTF8.self)
    }
    return text
  }

  @Test(
    "who records a pairing and all that follows, and sends it once more, is refused, also by a host that was restarted"
  )
  func replayed() async throws {
    try await withHost { scene in
      let (lab, host) = (scene.lab, scene.host)
      let recording = scene.scripts.path("recording")
      try await lab.start("record", on: "street", scene.scripts("record", recording))
      try await lab.hear("ready", from: "record", on: "street")
      let paired = try await scene.pair(["--url", Self.url, "--agent", scene.address], at: host)
      #expect(paired.status == 0, "\(paired)")
      try await lab.stop("record", on: "street")
      let wire = try text(of: recording)
      #expect(wire.contains("sealedApiKey") && wire.contains("answerSignature"))
      #expect(!wire.contains("osk-v1") && !wire.contains("Bearer"))

      let first = try await replay(recording, to: scene)
      #expect(Set(first.keys) == ["/pair/challenge", "/pair", "/secure/session", "/secure/call"])
      let pairings = first["/pair"] ?? []
      #expect(pairings.map(\.status) == [401])
      #expect(pairings.map(\.text) == [#"{"error":"Pairing challenge expired or invalid"}"#])
      // A hello may be sent by anybody; what it opens is new, and of no use without its private key.
      for session in first["/secure/session"] ?? [] {
        #expect(session.status == 200 && !wire.contains(session.text))
      }
      let calls = first["/secure/call"] ?? []
      #expect(!calls.isEmpty)
      for call in calls { #expect(call.status == 409 && call.text.contains("secure_replay")) }
      #expect(try await host("pair", "requests", "--json").list.isEmpty)
      #expect(try await host("peer", "list", "--json").list.count == 1)
      #expect(try await host("key", "list", "--json").list.count == 1)

      try await lab.stop("serve", on: "home")
      try await host.serve()
      let second = try await replay(recording, to: scene)
      #expect(second["/pair"]?.map(\.status) == [401])
      #expect(Set((second["/secure/call"] ?? []).map(\.status)) == [401])
      #expect(try await host("pair", "requests", "--json").list.isEmpty)
      #expect(try await host("peer", "list", "--json").list.count == 1)
    }
  }

  @Test("who announces somebody else's agent, with its id and address, cannot be paired with in its place")
  func announced() async throws {
    let eveHome = TemporaryHome()
    try await withHost { scene in
      let lab = scene.lab
      let eve = LabProgram(lab: lab, machine: "street", home: eveHome.path)
      _ = try await eve("init", "--non-interactive", "--json", "--keystore", "file")
      let own = try await eve("agent", "create", "Eve", "--json").json
      let ownID = try #require(own["id"] as? String)
      let ownAddress = try #require(own["address"] as? String)
      try await eve.serve("--port 4712")
      try await lab.start(
        "spoof", on: "street",
        "avahi-publish -s Ada@\(scene.id)-2 _osaurus._tcp 4711 name=Ada id=\(scene.id) address=\(scene.address) osc=1"
      )
      // As long as both are announced, no script can be led to one of them by the name.
      _ = try await scene.phone.browse { $0.count == 2 }
      let unclear = try await scene.pair(["Ada"], at: eve)
      #expect(unclear.status == 2, "\(unclear)")
      try await lab.stop("serve", on: "home")
      let seen = try await scene.phone.browse { $0.count == 1 }
      #expect(seen.map(\.id) == [scene.id] && seen.map(\.address) == [scene.address])
      #expect(seen.first?.url.contains("192.168.77.3") == true || seen.first?.host == "street.local")

      for (manner, said) in [
        ("honest", "Somebody answered as \(ownAddress)"), ("lies", "The answer is not signed by the agent"),
      ] {
        try await lab.start(
          "pretend", on: "street", scene.scripts("pretend", "4712", ownID, scene.address, manner))
        try await lab.hear("ready", from: "pretend", on: "street")
        let refused = try await scene.pair([scene.id], at: eve)
        #expect(refused.status == 1 && refused.code == "untrusted_answer", "\(refused)")
        #expect((refused.json["message"] as? String)?.contains(said) == true, "\(refused)")
        #expect(try await scene.phone("connect", "list", "--json").list.isEmpty)
        try await lab.stop("pretend", on: "street", signal: "KILL")
      }
      // Its own host knows no such agent.
      try await lab.stop("spoof", on: "street")
      try await lab.start(
        "spoof", on: "street",
        "avahi-publish -s Ada@\(scene.id)-3 _osaurus._tcp 4712 name=Ada id=\(scene.id) address=\(scene.address) osc=1"
      )
      try await lab.stop("serve", on: "street")
      try await eve.serve("--expose --port 4712")
      _ = try await scene.phone.browse { $0.contains { $0.port == 4712 && $0.id == scene.id } }
      let unknown = try await scene.pair([scene.address], at: eve)
      #expect(
        unknown.status != 0 && (unknown.json["message"] as? String)?.contains("no agent") == true,
        "\(unknown)")
      #expect(try await scene.phone("connect", "list", "--json").list.isEmpty)
    }
    withExtendedLifetime(eveHome) {}
  }

  // MARK: Crowds

  /// Lets `street` have every address of two networks, and `home` find the way back.
  private func gather(_ scene: Scene) async throws {
    try await scene.lab.shell("street", "ip route add local 10.7.0.0/16 dev lo")
    try await scene.lab.shell("home", "ip route add 10.7.0.0/16 via 192.168.77.3")
  }

  /// Sends requests at once, each from its own address, and gives status and text of each answer.
  private func crowd(
    _ scene: Scene, to host: String = "192.168.77.1", _ requests: [[String: String]]
  ) async throws -> [Answer] {
    let file = scene.scripts.path("requests")
    let lines = try requests.map {
      String(decoding: try JSONSerialization.data(withJSONObject: $0), as: UTF8.self)
    }
    try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: URL(filePath: file))
    return try await scene.run(scene.scripts("crowd", host, "4711", file))
  }

  @Test(
    "while a thousand networks send ten thousand requests a device is let in, and the host takes no more memory for them than it may"
  )
  func flood() async throws {
    try await withHost { scene in
      try await gather(scene)
      func resident() async throws -> Int {
        let status = try await scene.lab.shell("home", "cat /proc/$(cat /run/lab/home/serve.pid)/status")
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
        return try #require(line.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) })
      }
      let before = try await resident()
      let stop = scene.scripts.path("stop")
      try await scene.lab.start(
        "flood", on: "street", scene.scripts("flood", "192.168.77.1", "4711", "10000", stop))
      try await scene.lab.hear("ready", from: "flood", on: "street")
      let paired = try await scene.pair(["--url", Self.url, "--agent", scene.address], at: scene.host)
      #expect(paired.status == 0, "\(paired)")
      _ = FileManager.default.createFile(atPath: stop, contents: nil)
      try await scene.lab.hear("}", from: "flood", on: "street")
      let log = try await scene.lab.log("flood", on: "street")
      let counts =
        try JSONSerialization.jsonObject(with: Data(log.dropFirst("ready\n".count).utf8)) as? [String: Int]
      let statuses = try #require(counts)
      #expect(statuses.values.reduce(0, +) >= 10_000)
      #expect(Set(statuses.keys).isSubset(of: ["200", "401", "429", "closed", "failed"]), "\(statuses)")
      #expect(statuses["429", default: 0] > 0 && statuses["200", default: 0] > 0, "\(statuses)")
      // In kibibytes.
      let after = try await resident()
      #expect(after - before < 96 * 1024, "\(before) → \(after): \(statuses)")
      #expect(try await scene.host("peer", "list", "--json").list.count == 1)
    }
  }

  @Test(
    "of a hundred networks that ask at once and rightly, the owner is shown one; the next device gets in after it"
  )
  func prompts() async throws {
    try await withHost { scene in
      try await gather(scene)
      let sources = (0..<100).map { "10.7.\($0).1" }
      let nonces = try await crowd(
        scene, sources.map { ["from": $0, "method": "GET", "path": "/pair/challenge"] })
      #expect(nonces.allSatisfy { $0.status == 200 })
      let bodies = try nonces.map { answer in
        let nonce = try PairingNonce(parsingChallenge: Array(answer.text.utf8))
        return try PairingConnector().request(for: scene.id, nonce: nonce.text)
      }
      let requests = zip(sources, bodies).map { ["from": $0, "method": "POST", "path": "/pair", "body": $1] }
      // Whoever is shown is denied, and so is whoever comes late enough to be shown after it.
      let owner = Task {
        var shown = Set<String>()
        while !Task.isCancelled {
          let list = try await scene.host("pair", "requests", "--json").list
          #expect(list.count <= 1)
          guard let id = list.first?["id"] as? String else { continue }
          shown.insert(id)
          _ = try await scene.host("pair", "deny", id)
        }
        return shown.count
      }
      let answers = try await crowd(scene, requests)
      owner.cancel()
      let shown = try await owner.value
      #expect(shown > 0 && shown < 20)
      #expect(answers.count { $0.status == 403 } == shown)
      #expect(answers.count { $0.status == 429 && $0.text.contains("in progress") } == answers.count - shown)
      let paired = try await scene.pair(["--url", Self.url, "--agent", scene.address], at: scene.host)
      #expect(paired.status == 0, "\(paired)")
    }
  }

  @Test("who asks for too many channels can pair all the same, and IPv6 networks are counted whole")
  func apart() async throws {
    let environment = ["OSAURUS_HANDSHAKES_PER_MINUTE": "5"]
    try await withHost(serve: "--bind :: --port 4711", environment: environment) { scene in
      try await gather(scene)
      for (machine, number) in [("home", 1), ("street", 3)] {
        try await scene.lab.shell(
          machine,
          "sysctl -qw net.ipv6.conf.all.disable_ipv6=0; ip -6 addr add fd77::\(number)/64 dev eth0 nodad")
      }
      try await scene.lab.shell(
        "street", "sysctl -qw net.ipv6.ip_nonlocal_bind=1; ip -6 route add local 2001:db8::/32 dev lo")
      try await scene.lab.shell("home", "ip -6 route add 2001:db8::/32 via fd77::3")
      // One after another, so that their order is known.
      for (network, places) in [("1", 1...8), ("2", 1...1)] {
        var statuses: [Int] = []
        for place in places {
          statuses += try await crowd(
            scene, to: "fd77::1",
            [["from": "2001:db8:0:\(network)::\(place)", "method": "GET", "path": "/pair/challenge"]]
          ).map(\.status)
        }
        #expect(statuses == places.map { $0 <= 5 ? 200 : 429 })
      }
      // An IPv4 address that comes through IPv6 is the IPv4 address that it is.
      let hello =
        #"{"v":1,"agentAddress":"0x0000000000000000000000000000000000000001","encPub":"","nonce":""}"#
      let storm = Array(
        repeating: ["from": "10.7.9.9", "method": "POST", "path": "/secure/session", "body": hello], count: 60
      )
      let handshakes = try await crowd(scene, storm)
      #expect(handshakes.count { $0.status == 429 } == 55, "\(handshakes.map(\.status))")
      let challenges = try await crowd(
        scene, (0..<8).map { _ in ["from": "10.7.9.9", "method": "GET", "path": "/pair/challenge"] })
      #expect(challenges.count { $0.status == 200 } == 5)
    }
  }
}
