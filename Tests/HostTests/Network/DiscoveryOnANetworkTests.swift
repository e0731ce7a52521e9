import Foundation
import Testing

/// Real hosts, real daemons and a real network, in namespaces of the test's own.
@Suite(
  "Discovery on a network", .serialized, .timeLimit(.minutes(10)),
  .enabled(if: NetworkLab.isPossible, "only root can make a network for it"))
struct DiscoveryOnANetworkTests {
  /// A host with one agent that runs on `home`, and somebody who looks for it on `phone`.
  private func withHost(
    _ machines: (String, String, String) = ("home", "phone", "street"),
    _ body: (NetworkLab, _ host: LabProgram, _ phone: LabProgram) async throws -> Void
  ) async throws {
    let home = TemporaryHome()
    let phoneHome = TemporaryHome()
    try await NetworkLab.run(machines.0, machines.1, machines.2) { lab in
      let host = LabProgram(lab: lab, machine: machines.0, home: home.path)
      let made = try await host("init", "--non-interactive", "--json", "--keystore", "file")
      #expect(made.status == 0, "\(made)")
      _ = try await host("agent", "create", "Ada", "--description", "Counts")
      try await host.serve()
      try await body(lab, host, LabProgram(lab: lab, machine: machines.1, home: phoneHome.path))
    }
    withExtendedLifetime(home) {}
    withExtendedLifetime(phoneHome) {}
  }

  private func agent(_ host: LabProgram, _ name: String) async throws -> [String: Any] {
    try await host("agent", "show", name, "--json").json
  }

  @Test("an exposed host's agents are found from another machine, as they are, and follow every change")
  func found() async throws {
    try await withHost { lab, host, phone in
      let ada = try await agent(host, "Ada")
      let seen = try await phone.browse { $0.count == 1 }
      let row = try #require(seen.first)
      #expect(seen.count == 1)
      #expect(row.name == "Ada")
      #expect(row.description == "Counts")
      #expect(row.id == ada["id"] as? String)
      #expect(row.address == ada["address"] as? String)
      #expect(row.host == "home.local")
      #expect(row.port == 4711)
      #expect(row.url == "http://192.168.77.1:4711")
      #expect(row.secure)
      #expect(row.peer == nil)
      // Its own machine is not told of its own agents.
      #expect(try await host.browse().isEmpty)

      // The words on the wire, as another implementation reads them.
      let wire = try await lab.shell("street", "timeout 5 avahi-browse -rtp _osaurus._tcp || true")
      for text in ["Ada\\064\(row.id)", "\"osc=1\"", "\"id=\(row.id)\"", "\"name=Ada\""] {
        #expect(wire.contains(text), "\(wire)")
      }

      _ = try await host("agent", "create", "Bob")
      #expect(try await phone.browse { $0.count == 2 }.map(\.name) == ["Ada", "Bob"])
      _ = try await host("agent", "set", "Ada", "--name", "Königin der langen Namen und Listen")
      let renamed = try await phone.browse { rows in
        rows.contains { $0.name.hasPrefix("K") } && rows.count == 2
      }
      #expect(Set(renamed.map(\.name)) == ["Bob", "Königin der langen Namen und Listen"])
      #expect(Set(renamed.map(\.id)).contains(row.id))
      _ = try await host("agent", "set", "Bob", "--description", "Builds")
      #expect(
        try await phone.browse { $0.contains { $0.description == "Builds" } }.contains {
          $0.description == "Builds"
        })
      let rotated = try await host("agent", "rotate", "Bob", "--yes", "--json").json["address"] as? String
      #expect(
        try await phone.browse { $0.contains { $0.address == rotated } }.contains { $0.address == rotated })
      _ = try await host("agent", "set", "Bob", "--no-exposed")
      #expect(try await phone.browse { $0.count == 1 }.map(\.id) == [row.id])

      // Told to stop, it withdraws what it announced before it ends.
      try await lab.stop("serve", on: "home")
      #expect(try await phone.browse { $0.isEmpty }.isEmpty)
    }
  }

  @Test("a host that is not exposed announces nothing")
  func hidden() async throws {
    try await withHost { lab, host, phone in
      try await lab.stop("serve", on: "home")
      _ = try await phone.browse { $0.isEmpty }
      try await host.serve("--port 4711")
      #expect(try await phone.browse().isEmpty)
      let status = try await host("status", "--json").json["discovery"] as? [String: Any]
      #expect(status?["state"] as? String == "off")
    }
  }

  @Test("agents are announced again after the daemon died and came back, and the host runs without it")
  func restarted() async throws {
    try await withHost { lab, host, phone in
      #expect(try await phone.browse { $0.count == 1 }.count == 1)
      try await lab.killAvahi(on: "home")
      let without = try await host("status", "--json")
      #expect(without.json["ready"] as? Bool == true)
      let doctor = try await host("doctor", "--json")
      let finding = doctor.list.first { $0["part"] as? String == "discovery" }
      #expect(finding?["state"] as? String == "note")
      #expect((finding?["remedy"] as? String)?.contains("apt install avahi-daemon") == true)
      let blind = try await host("connect", "browse", "--json", "--timeout", "1")
      #expect(blind.status == 1)
      #expect(blind.code == "discovery_unavailable")

      try await lab.startAvahi(on: "home")
      var services: [String]?
      for _ in 0..<100 where services?.isEmpty != false {
        services =
          (try await host("status", "--json").json["discovery"] as? [String: Any])?["services"] as? [String]
      }
      #expect(services?.count == 1)
      #expect(try await phone.browse { $0.count == 1 }.map(\.name) == ["Ada"])
    }
  }

  @Test("a name that another machine holds is changed once and left alone, and both are shown")
  func conflict() async throws {
    try await withHost { lab, host, phone in
      let ada = try #require(try await phone.browse { $0.count == 1 }.first)
      try await lab.stop("serve", on: "home")
      _ = try await phone.browse { $0.isEmpty }
      // Somebody on the street takes the instance's name first, and everything else that is public about it.
      try await lab.start(
        "spoof", on: "street",
        """
        avahi-publish -s Ada@\(ada.id) _osaurus._tcp 4711 name=Ada id=\(ada.id) address=\(ada.address ?? "") osc=1
        """)
      _ = try await phone.browse { $0.count == 1 }
      try await host.serve()
      let both = try await phone.browse { $0.count == 2 }
      #expect(Set(both.map(\.host)) == ["home.local", "street.local"])
      #expect(Set(both.map(\.id)) == [ada.id])
      let before = try await host("status", "--json").json["discovery"] as? [String: Any]
      #expect(before?["services"] as? [String] == ["Ada@\(ada.id) #2"])
      // Nothing is published anew for it: a change of the text keeps the name that it has.
      _ = try await host("agent", "set", "Ada", "--description", "The real one")
      _ = try await phone.browse { $0.contains { $0.description == "The real one" } }
      let after = try await host("status", "--json").json["discovery"] as? [String: Any]
      #expect(after?["services"] as? [String] == ["Ada@\(ada.id) #2"])
    }
  }

  @Test("whatever somebody announces, only what is about an agent is shown, and harmless")
  func hostile() async throws {
    try await withHost { lab, host, phone in
      let id = "11111111-2222-4333-8444-555555555555"
      let long = String(repeating: "x", count: 250)
      let records: [(String, String)] = [
        ("noid", "name=Eve"), ("badid", "name=Eve id=1"), ("noname", "id=\(id)"),
        ("badaddress", "name=Eve id=\(id) address=0x123"),
        ("long", "name=Eve id=\(id) " + (1...9).map { "k\($0)=\(long.dropLast(3))" }.joined(separator: " ")),
        ("twice", "name=First id=\(id) name=Second id=no osc=1"),
        ("control", "\"name=$(printf 'E\\033[2Jve\\nroot#')\" id=\(id)"),
        ("bytes", "\"name=$(printf '\\303\\050')\" id=\(id)"),
      ]
      for (name, txt) in records {
        try await lab.start(name, on: "street", "avahi-publish -s \(name) _osaurus._tcp 99 \(txt)")
      }
      let seen = try await phone.browse { $0.count >= 3 }
      #expect(seen.map(\.name) == ["Ada", "E [2Jve root#", "First"])
      #expect(seen.filter { $0.name != "Ada" }.map(\.secure) == [false, true])
      withExtendedLifetime(host) {}
    }
  }

  @Test(
    "an announced agent is paired with by its name, and is not announced when no new device may ask for it")
  func pairs() async throws {
    try await withHost { _, host, phone in
      async let asking = phone("connect", "pair", "Ada", "--keystore", "file", "--json")
      var id: String?
      for _ in 0..<300 where id == nil {
        id = try await host("pair", "requests", "--json").list.first?["id"] as? String
      }
      let approved = try await host("pair", "approve", try #require(id))
      #expect(approved.status == 0, "\(approved)")
      let paired = try await asking
      #expect(paired.status == 0, "\(paired)")
      #expect(paired.json["url"] as? String == "http://192.168.77.1:4711")
      #expect(try await phone.browse { $0.count == 1 }.first?.peer == paired.json["name"] as? String)
      let nobody = try await phone("connect", "pair", "Bob", "--keystore", "file", "--json")
      #expect(nobody.status == 4)
      _ = try await host("agent", "set", "Ada", "--no-pairing")
      #expect(try await phone.browse { $0.isEmpty }.isEmpty)
    }
  }

  @Test(
    "a host that is known is recognised by its pinned address, and nothing announced changes where it is asked"
  )
  func pinned() async throws {
    try await withHost { lab, host, phone in
      let ada = try #require(try await phone.browse { $0.count == 1 }.first)
      let keyFile = phone.home + "/ada.key"
      let key = try #require(
        try await host("key", "create", "--agent", "Ada", "--json").json["key"] as? String)
      try Data(key.utf8).write(to: URL(filePath: keyFile))
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: keyFile)
      let address = try #require(ada.address)
      let added = try await phone(
        "connect", "add", "home", "--url", ada.url, "--address", address, "--key-file", keyFile, "--keystore",
        "file",
        "--json")
      #expect(added.status == 0, "\(added)")
      #expect(try await phone.browse { $0.count == 1 }.first?.peer == "home")
      try await lab.start(
        "spoof", on: "street",
        "avahi-publish -s Home _osaurus._tcp 4712 name=Ada id=\(ada.id) address=\(address) osc=1")
      let both = try await phone.browse { $0.count == 2 }
      #expect(both.map(\.peer) == ["home", "home"])
      let list = try await phone("connect", "list", "--json")
      #expect(list.list.map { $0["url"] as? String } == [ada.url])
      #expect(list.list.map { $0["address"] as? String } == [address])
    }
  }
}
