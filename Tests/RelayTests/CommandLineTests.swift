import ArgumentParser
import Foundation
import Identity
import Testing

@testable import Relay
@testable import osaurus_relay

/// What an operator tells a relay.
@Suite("The relay's command line")
struct CommandLineTests {
  private func settings(_ arguments: [String], _ environment: [String: String] = [:]) throws -> RelaySettings
  {
    try RelayOptions.parse(arguments).settings(environment: environment)
  }

  @Test("flags say what the relay is, and the environment says what flags do not")
  func flags() throws {
    let settings = try settings(
      [
        "--domain", "Relay.Example", "--bind", "::", "--port", "443", "--certificate", "/c", "--key", "/k",
        "--trusted-proxy", "10.0.0.0/8", "--trusted-proxy", "::1", "--limit", "requests-per-minute=7",
      ],
      [
        "OSAURUS_RELAY_PORT": "1", "OSAURUS_RELAY_NAMES": "a.example,b.example", "OSAURUS_RELAY_TUNNELS": "9",
        "OSAURUS_RELAY_REQUESTS_PER_MINUTE": "8",
      ])
    #expect(
      settings.domain.text == "relay.example" && settings.names.map(\.text) == ["a.example", "b.example"])
    #expect(settings.bind == "::" && settings.port == 443 && settings.form == .subdomain)
    #expect(settings.certificate == .init(certificate: "/c", key: "/k") && settings.trustedProxies.count == 2)
    #expect(settings.limits.requestsPerMinute == 7 && settings.limits.tunnels == 9)
    #expect(AgentURLs(settings, port: 443).relay == "https://relay.example")
  }

  @Test("where agents are follows from how the relay is reached")
  func urls() throws {
    let agent = TestKey.make(1).address
    #expect(
      AgentURLs(try settings(["--domain", "localhost"]), port: 8443).url(of: agent)
        == "http://localhost:8443/a/\(agent.lowercased)")
    #expect(
      AgentURLs(try settings(["--domain", "r.example", "--trusted-proxy", "127.0.0.1"]), port: 8443).url(
        of: agent)
        == "https://\(agent.lowercased).r.example")
    #expect(
      AgentURLs(
        try settings([
          "--domain", "r.example", "--agent-form", "path", "--public-url", "https://r.example:444/",
        ]),
        port: 1
      ).url(of: agent) == "https://r.example:444/a/\(agent.lowercased)")
    #expect(try settings(["--domain", "::1"]).domain.text == "[::1]")
  }

  @Test(
    "what makes no sense is refused by name",
    arguments: [
      [], ["--domain", "https://x"], ["--domain", "x", "--port", "70000"], ["--domain", "x", "--key", "/k"],
      ["--domain", "x", "--trusted-proxy", "y"], ["--domain", "x", "--agent-form", "z"],
      ["--domain", "x", "--public-url", "x"], ["--domain", "x", "--public-url", "https://x/y"],
      ["--domain", "x", "--limit", "nothing=1"], ["--domain", "x", "--limit", "tunnels"],
      ["--domain", "x", "--limit", "tunnels=0"], ["--domain", "x", "--limit", "tunnels=x"],
      ["--domain", "x", "--limit", "head-timeout=100000"], ["--domain", "x", "--name", "a b"],
    ])
  func refused(arguments: [String]) throws {
    #expect(throws: RelayError.self) { try settings(arguments) }
  }

  @Test("every limit has a name, a variable and a value, and can be set")
  func limits() throws {
    #expect(Set(RelayLimit.all.map(\.name)).count == RelayLimit.all.count)
    for limit in RelayLimit.all {
      var limits = RelayLimits()
      #expect(limit.value(in: limits) > 0)
      try RelayLimit.apply(environment: [limit.variable: "77"], to: &limits)
      #expect(limit.value(in: limits) == 77)
      #expect(limits != RelayLimits())
    }
    #expect(Mirror(reflecting: RelayLimits()).children.count == RelayLimit.all.count)
  }

  @Test("as many files may be open as the system lets this process")
  func openFiles() throws {
    let files = try #require(OpenFiles.raise())
    #expect(files >= 256 && OpenFiles.raise() == files)
  }

  @Test("the manual names every limit with its value")
  func manual() throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Docs/RELAY.md")
    let manual = try String(contentsOf: file, encoding: .utf8)
    for limit in RelayLimit.all {
      #expect(manual.contains("| `\(limit.name)` | \(limit.value(in: RelayLimits())) |"), "\(limit.name)")
    }
  }

  @Test("the unit runs what was asked for, as nobody, and takes the certificate from systemd")
  func unit() throws {
    let options = try RelayOptions.parse([
      "--domain", "r.example", "--port", "443", "--certificate", "/etc/a%b.pem", "--key", "/k", "--limit",
      "tunnels=5",
    ])
    let text = RelayUnit(executable: "/opt/my relay", options: options).text
    #expect(
      text.contains(
        #"ExecStart="/opt/my relay" serve --domain r.example --port 443 --certificate ${CREDENTIALS_DIRECTORY}/certificate --key ${CREDENTIALS_DIRECTORY}/key --limit tunnels=5"#
      ))
    #expect(text.contains("LoadCredential=certificate:/etc/a%%b.pem\nLoadCredential=key:/k\n"))
    #expect(text.contains("DynamicUser=yes") && text.contains("AmbientCapabilities=CAP_NET_BIND_SERVICE"))
  }
}
