import Foundation
import Identity
import Testing

@testable import Host
@testable import Pairing

#if canImport(Glibc)
  import Glibc
#endif

/// The owner's word on a device, given on a real bus to a real notification.
@Suite(
  "Asking on the desktop", .serialized, .timeLimit(.minutes(10)),
  .enabled(if: SecondWire.isInstalled, "run Tests/Interop/install"))
struct DesktopPairingTests {
  private struct Ada: Sendable {
    let url: String
    let address: String
  }

  private func serve(
    on bus: String?, named name: String = "Ada", _ more: [String: String] = [:],
    _ body: @escaping @Sendable (Program, Ada) async throws -> Void
  ) async throws {
    var environment = more
    environment["OSAURUS_PAIRINGS_PER_MINUTE"] = "100000"
    environment["DBUS_SESSION_BUS_ADDRESS"] = bus
    try await Program.run(environment: environment) { program in
      let made = try await program("agent", "create", name, "--json")
      let address = try #require(made.json["address"] as? String, "\(made)")
      let ending = try await program.serve { service in
        try await body(program, Ada(url: service.url, address: address))
      }
      #expect(ending.status == 0)
      #expect(!ending.log.contains("error") && !ending.log.contains("warning"), "\(ending.log)")
    }
  }

  /// Asks to be let in, from a machine of its own, while `body` does what the owner does.
  private func device(
    asking ada: Ada, _ body: () async throws -> Void
  ) async throws -> Program.Outcome {
    try await Program.run(isMade: false) { peer in
      async let asked = peer(
        "connect", "pair", "--url", ada.url, "--agent", ada.address, "--keystore", "file", "--json")
      try await body()
      return try await asked
    }
  }

  private func approveAtTheTerminal(_ program: Program) async throws {
    while true {
      let listed = try await program("pair", "requests", "--json")
      guard let id = listed.list.first?["id"] as? String else { continue }
      #expect(try await program("pair", "approve", id).status == 0)
      return
    }
  }

  @Test("a notification shows the device's words and who asks, harmlessly, and its button lets the device in")
  func letIn() async throws {
    let left = try await Desktop.run { desktop in
      try await serve(on: desktop.bus, named: "<b>A</b> & B") { program, ada in
        let words = Mailbox()
        let paired = try await device(asking: ada) {
          let shown = try await desktop.next()
          let body = try #require(shown.body)
          await words.put(String(body.prefix { $0 != "\n" }))
          #expect(shown.summary == "A device asks to be let in" && shown.application == "Osaurus")
          #expect(body.contains("&lt;b&gt;A&lt;/b&gt; &amp; B") && body.contains("from 127.0.0.1"))
          #expect(!body.contains("<"))
          #expect(shown.actions == ["first", "Let in for 90 days", "second", "Deny"])
          // It stays until it is answered.
          #expect(shown.urgency == 2 && shown.timeout == 0)
          try await desktop.press("first", of: try #require(shown.shown))
        }
        #expect(paired.status == 0, "\(paired)")
        let said = try #require(await words.text)
        #expect(said.split(separator: " ").count == 4 && paired.errors.contains(said), "\(said)")
        let peers = try await program("peer", "list", "--json")
        #expect(peers.list.count == 1 && peers.list[0]["expiresAt"] != nil)
      }
    }
    // What was answered is taken away.
    #expect(left.map(\.closed) == [1])
  }

  @Test("its other button sends the device away")
  func denied() async throws {
    try await Desktop.run { desktop in
      try await serve(on: desktop.bus) { program, ada in
        let told = try await device(asking: ada) {
          try await desktop.press("second", of: try #require(try await desktop.next().shown))
        }
        #expect(told.status == 3 && told.code == "pairing_denied", "\(told)")
        #expect(try await program("key", "list", "--json").list.isEmpty)
      }
    }
  }

  @Test(
    "a click on the text, or an answer to something else, says nothing; what is said elsewhere takes it away")
  func elsewhere() async throws {
    try await Desktop.run { desktop in
      try await serve(on: desktop.bus) { program, ada in
        let paired = try await device(asking: ada) {
          let number = try #require(try await desktop.next().shown)
          try await desktop.press("default", of: number)
          try await desktop.press("first", of: number + 1)
          try await approveAtTheTerminal(program)
          #expect(try await desktop.next().closed == number)
        }
        #expect(paired.status == 0, "\(paired)")
      }
    }
  }

  @Test("one that was closed is not shown again, and the device waits on")
  func dismissed() async throws {
    let left = try await Desktop.run { desktop in
      try await serve(on: desktop.bus) { program, ada in
        let paired = try await device(asking: ada) {
          try await desktop.dismiss(try #require(try await desktop.next().shown))
          try await approveAtTheTerminal(program)
        }
        #expect(paired.status == 0, "\(paired)")
      }
    }
    #expect(left.allSatisfy { $0.shown == nil })
  }

  @Test("it goes with the device that gave up, and with the service")
  func gone() async throws {
    try await Desktop.run { desktop in
      try await serve(on: desktop.bus) { program, ada in
        try await Program.run(isMade: false) { peer in
          let asking = try peer.onTerminal(
            "connect", "pair", "--url", ada.url, "--agent", ada.address, "--keystore", "file")
          let number = try #require(try await desktop.next().shown)
          asking.type(PseudoTerminal.interrupt)
          #expect(try await desktop.next().closed == number)
          _ = try await asking.end()
        }
      }
      try await serve(on: desktop.bus) { program, ada in
        async let asked = Program.run(isMade: false) { peer in
          try await peer("connect", "pair", "--url", ada.url, "--agent", ada.address, "--keystore", "file")
        }
        let number = try #require(try await desktop.next().shown)
        let status = try await program("status", "--json")
        kill(pid_t(try #require(status.json["pid"] as? Int)), SIGTERM)
        #expect(try await desktop.next().closed == number)
        #expect(try await asked.status != 0)
      }
    }
  }

  @Test("a desktop that ends while it shows one leaves the owner the terminal")
  func crashed() async throws {
    try await Desktop.run { desktop in
      try await serve(on: desktop.bus) { program, ada in
        let paired = try await device(asking: ada) {
          _ = try await desktop.next()
          try await desktop.quit()
          try await approveAtTheTerminal(program)
        }
        #expect(paired.status == 0, "\(paired)")
      }
    }
  }

  @Test(
    "nothing is shown where it was switched off, nor by what cannot show a text and buttons",
    arguments: [(["actions", "body"], "false"), (["body"], "true"), (["actions", "icon-static"], "true")])
  func unasked(capabilities: [String], isWanted: String) async throws {
    let left = try await Desktop.run(capabilities) { desktop in
      try await serve(on: desktop.bus, ["OSAURUS_ASK_ON_DESKTOP": isWanted]) { program, ada in
        let paired = try await device(asking: ada) { try await approveAtTheTerminal(program) }
        #expect(paired.status == 0, "\(paired)")
      }
    }
    #expect(left.isEmpty)
  }

  @Test("a desktop that shows texts as they are gets them as they are")
  func withoutMarkup() async throws {
    try await Desktop.run(["actions", "body"]) { desktop in
      try await serve(on: desktop.bus, named: "A & B") { program, ada in
        _ = try await device(asking: ada) {
          let shown = try await desktop.next()
          #expect(shown.body?.contains("It asks for A & B, from") == true)
          try await desktop.press("second", of: try #require(shown.shown))
        }
      }
    }
  }

  @Test(
    "without a bus, or with one that is not there, nothing happens", arguments: [nil, "unix:path=/nowhere"])
  func noBus(address: String?) async throws {
    try await serve(on: address) { program, ada in
      let paired = try await device(asking: ada) { try await approveAtTheTerminal(program) }
      #expect(paired.status == 0, "\(paired)")
    }
  }

  private actor Mailbox {
    private(set) var text: String?
    func put(_ text: String) { self.text = text }
  }
}
