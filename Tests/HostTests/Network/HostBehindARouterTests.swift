import Foundation
import Identity
import SystemPackage
import TestSupport
import Testing

@testable import Host

/// The whole way on a real network: a host behind a router that translates addresses and lets nobody in, a relay that
/// everybody reaches, and somebody elsewhere. All of them are the programs as they are built.
@Suite(
  "A host behind a router", .serialized, .timeLimit(.minutes(10)),
  .enabled(if: NetworkLab.isPossible, "only root can make a network for it"))
struct HostBehindARouterTests {
  private static let prompt = "what grows between the two lighthouses"
  /// Where the host is, in a network that nobody else can name.
  private static let inside = "10.77.0.2"
  /// Where the street sees the router.
  private static let outside = "192.168.77.2"
  private static let relay = "192.168.77.3"

  @Test(
    "an agent that nobody can connect to is invited to and asked through a relay, which neither carries nor keeps a word of it",
    arguments: [true, false])
  func reached(isEncrypted: Bool) async throws {
    let homeFolder = TemporaryHome()
    let phoneFolder = TemporaryHome()
    let (scripts, attacker) = (try LabScripts(), try AttackerScripts())
    let authority = try TestAuthority()
    try await NetworkLab.run("home", "router", "relay", "phone", announces: false) { lab in
      try await Self.moveBehindRouter(lab)
      let host = LabProgram(
        lab: lab, machine: "home", home: homeFolder.path,
        environment: ["OSAURUS_MODEL_URL": "http://127.0.0.1:8080/v1"])
      let phone = LabProgram(lab: lab, machine: "phone", home: phoneFolder.path)
      _ = try await host("init", "--non-interactive", "--json", "--keystore", "file")
      let made = try await host("agent", "create", "Ada", "--json")
      let address = try #require(made.json["address"] as? String, "\(made)").lowercased()
      try await Self.name(address, in: lab, scripts, authority)

      try await lab.start("model", on: "home", scripts("model", "8080"))
      try await lab.hear("ready", from: "model", on: "home")
      let recording = attacker.path("recording")
      try await lab.start("record", on: "relay", attacker("record", recording))
      try await lab.hear("ready", from: "record", on: "relay")
      try await Self.startRelay(
        lab, isEncrypted ? try authority.issue("relay", for: ["relay.test", "*.relay.test"]) : nil)
      // It listens for everybody, so that the router alone keeps them off.
      try await host.serve("--bind 0.0.0.0 --port 4711")

      let scheme = isEncrypted ? "wss" : "ws"
      let up = try await host(
        ["relay", "up", "--url", "\(scheme)://relay.test", "--json"] + (isEncrypted ? [] : ["--insecure"]))
      let agents = up.json["agents"] as? [[String: Any]] ?? []
      #expect(agents.map { $0["state"] as? String } == ["up"], "\(up)")
      let url = "\(isEncrypted ? "https" : "http")://\(address).relay.test"
      #expect(agents.first?["url"] as? String == url)
      try await Self.expectUnreachable(lab)

      let invite = try await host("invite", "create", "Ada", "--json")
      let link = try #require(invite.json["link"] as? String, "\(invite)")
      let redeemed = try await phone(
        ["connect", "redeem", "--keystore", "file", "--json"], input: link + "\n")
      #expect(redeemed.status == 0 && redeemed.json["relayURL"] as? String == url, "\(redeemed)")
      let said = try await phone("connect", "run", "Ada", Self.prompt)
      let answer = LabScripts.answer.joined(separator: " ")
      #expect(said.output.trimmingCharacters(in: .whitespacesAndNewlines) == answer, "\(said)")
      #expect(try await lab.log("model", on: "home").components(separatedBy: Self.prompt).count == 2)

      try await Self.expectBlind(lab, isEncrypted, copy: scripts.path("copy"), scripts, recording)
    }
    withExtendedLifetime((authority, scripts, attacker)) {}
    withExtendedLifetime(homeFolder) {}
    withExtendedLifetime(phoneFolder) {}
  }

  // MARK: The network

  /// Takes `home` off the street, and gives it a router as people have them.
  private static func moveBehindRouter(_ lab: NetworkLab) async throws {
    try await lab.shell(
      "home",
      """
      ip link del eth0
      ip link add eth0 type veth peer name home netns router
      ip addr add \(inside)/24 dev eth0
      ip link set eth0 up
      """)
    try await lab.shell(
      "router",
      """
      ip addr add 10.77.0.1/24 dev home
      ip link set home up
      sysctl -qw net.ipv4.ip_forward=1
      nft -f - <<END
      table ip home {
        chain forward {
          type filter hook forward priority filter; policy drop;
          ct state established,related accept
          iifname "home" oifname "eth0" accept
        }
        chain postrouting {
          type nat hook postrouting priority srcnat;
          oifname "eth0" masquerade
        }
      }
      END
      """)
    try await lab.shell("home", "ip route add default via 10.77.0.1")
  }

  /// Makes names known, and whom certificates are believed of: to the system, where every program looks.
  private static func name(
    _ agent: String, in lab: NetworkLab, _ scripts: LabScripts, _ authority: TestAuthority
  ) async throws {
    let (names, servers) = (scripts.path("hosts"), scripts.path("resolv.conf"))
    try Data("127.0.0.1 localhost\n\(relay) relay.test \(agent).relay.test\n".utf8).write(
      to: URL(filePath: names))
    try Data("nameserver 127.0.0.1\n".utf8).write(to: URL(filePath: servers))
    try await lab.replace("/etc/hosts", with: names)
    try await lab.replace("/etc/resolv.conf", with: servers)
    try await lab.replace("/etc/ssl/certs/ca-certificates.crt", with: authority.file)
  }

  private static func startRelay(_ lab: NetworkLab, _ certificate: TestAuthority.Files?) async throws {
    let program = try Program.executable.removingLastComponent().appending("osaurus-relay")
    let door =
      certificate.map { "--port 443 --certificate \($0.certificate) --key \($0.key)" } ?? "--port 80"
    try await lab.start(
      "relay", on: "relay", "\(program) serve --domain relay.test --bind 0.0.0.0 \(door)")
    try await lab.hear("listens on", from: "relay", on: "relay")
  }

  // MARK: What is seen

  /// Nobody gets through to the host, whichever way, although it listens.
  private static func expectUnreachable(_ lab: NetworkLab) async throws {
    func status(_ machine: String, _ address: String) async throws -> String {
      try await lab.shell(
        machine,
        "curl -s -m 5 -o /dev/null -w '%{http_code}' http://\(address):4711/health || true")
    }
    #expect(try await status("router", inside) == "200")
    // Somebody who knows the network behind the router, and sends to it.
    for machine in ["phone", "relay"] {
      try await lab.shell(machine, "ip route add 10.77.0.0/24 via \(outside)")
      #expect(try await status(machine, inside) == "000")
      #expect(try await status(machine, outside) == "000")
      try await lab.shell(machine, "ip route del 10.77.0.0/24")
    }
    let peers = try await lab.shell("relay", "ss -Htn state established")
    #expect(peers.contains("\(outside):") && !peers.contains("10.77."), "\(peers)")
  }

  /// Neither what went over the relay's wire nor what is in its memory holds what was said.
  private static func expectBlind(
    _ lab: NetworkLab, _ isEncrypted: Bool, copy: String, _ scripts: LabScripts, _ recording: String
  ) async throws {
    try await lab.shell("relay", scripts("memory", "$(cat /run/lab/relay/relay.pid)", copy))
    try await lab.stop("record", on: "relay")
    let words = LabScripts.answer.joined(separator: " ")
    let secrets = MarkerScan([prompt, "lighthouses", words, "/agents/"])
    // Too short to be looked for in every form.
    let key = Data("osk-v1".utf8)
    let control = MarkerScan(["/secure/call", "/tunnel/connect"])
    let wire = try flows(of: recording)
    #expect(wire.values.reduce(0) { $0 + $1.count } > 1000)
    #expect(secrets.found(in: wire).isEmpty)
    #expect(wire.values.allSatisfy { $0.firstRange(of: key) == nil })
    let seen = wire.values.reduce(into: Set<String>()) { $0.formUnion(control.found(in: $1)) }
    // Without TLS everything that the relay handles is on the wire; with it not even that.
    #expect(seen == (isEncrypted ? [] : ["/secure/call", "/tunnel/connect"]))
    let memory = try Data(contentsOf: URL(filePath: copy))
    #expect(!control.found(in: memory).isEmpty)
    #expect(secrets.found(in: memory).isEmpty)
  }

  /// What each direction of each connection carried.
  private static func flows(of recording: String) throws -> [String: Data] {
    struct Part: Decodable {
      let flow: String
      let data: String
    }
    let recorded = try Data(contentsOf: URL(filePath: recording))
    var flows: [String: Data] = [:]
    for line in recorded.split(separator: UInt8(ascii: "\n")) {
      // The last line may not be whole.
      guard let part = try? JSONDecoder().decode(Part.self, from: line) else { continue }
      flows[part.flow, default: Data()].append(contentsOf: Hex.decode(part.data) ?? [])
    }
    return flows
  }
}
