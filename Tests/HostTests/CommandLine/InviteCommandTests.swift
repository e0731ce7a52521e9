import Foundation
import Identity
import SecretMemory
import Subprocess
import SystemPackage
import Testing

/// `invite` and `connect redeem`, as a person uses them on two machines.
@Suite("osaurus-host invite and connect redeem", .serialized, .timeLimit(.minutes(10)))
struct InviteCommandTests {
  @discardableResult
  private func serve(
    _ body: @escaping @Sendable (Program, Program.Service) async throws -> Void
  ) async throws -> String {
    try await ScriptedModelServer.run { _, url in
      let environment = ["OSAURUS_MODEL_URL": url, "OSAURUS_REDEMPTIONS_PER_MINUTE": "100000"]
      return try await Program.run(environment: environment) { program in
        _ = try await program("agent", "create", "Ada")
        return try await program.serve { service in try await body(program, service) }.log
      }
    }
  }

  private func link(_ program: Program) async throws -> String {
    let made = try await program("invite", "create", "Ada", "--json")
    return try #require(made.json["link"] as? String)
  }

  @Test("an invite is made, redeemed on another machine, used at once, and taken back with its key")
  func journey() async throws {
    let links = Links()
    let log = try await serve { program, service in
      let made = try await program("invite", "create", "Ada", "--expires", "2h", "--label", "Bob's phone")
      #expect(made.status == 0)
      let link = made.output.trimmingCharacters(in: .newlines)
      await links.add(link)
      #expect(link.hasPrefix("osaurus://0x") && !link.contains("\n"))
      #expect(made.errors.contains("once, until") && made.errors.contains("from this machine alone"))
      let list = try await program("invite", "list")
      #expect(list.output.contains("open") && list.output.contains("Bob's phone"))
      #expect(!list.output.contains("osaurus://"))

      try await Program.run(isMade: false) { peer in
        let redeemed = try await peer("connect", "redeem", "--keystore", "file", input: link + "\n")
        #expect(redeemed.status == 0, "\(redeemed)")
        #expect(redeemed.output.contains("Ada is remembered"))
        let answer = try await peer("connect", "run", "Ada", "say one two")
        #expect(answer.output.trimmingCharacters(in: .whitespacesAndNewlines) == "one two")

        let again = try await peer("connect", "redeem", "--json", input: link)
        #expect(again.status == 3)
        #expect(again.code == "invite_refused")
        let second = try await peer("connect", "redeem", "-", "--json", input: try await self.link(program))
        #expect(second.json["name"] as? String == "Ada 2")

        let invites = try await program("invite", "list", "--json")
        let used = try #require(invites.list.first { $0["label"] as? String == "Bob's phone" })
        #expect(used["status"] as? String == "redeemed")
        #expect(used["redeemedFrom"] as? String == "127.0.0.1")
        let id = try #require(used["id"] as? String)
        let shown = try await program("invite", "show", String(id.prefix(8)))
        #expect(shown.output.contains("redeemed") && !shown.output.contains("osaurus://"))
        let revoked = try await program("invite", "revoke", id)
        #expect(revoked.output.contains("next request"))
        let refused = try await peer("connect", "run", "Ada", "say three")
        #expect(refused.status == 3)
        #expect(try peer.files(holding: [link]).isEmpty)
      }
      #expect(try program.files(holding: [link]).isEmpty)
    }
    for link in await links.all {
      #expect(!log.contains(link) && !log.contains("pair=") && !log.contains("osk-v1"))
    }
  }

  private actor Links {
    private(set) var all: [String] = []
    func add(_ link: String) { all.append(link) }
  }

  @Test("invites are made and revoked without a service too, and what makes no sense is refused")
  func withoutService() async throws {
    try await Program.run { program in
      _ = try await program("agent", "create", "Ada")
      let made = try await program("invite", "create", "Ada", "--url", "http://192.0.2.1:1337/", "--json")
      #expect(made.json["url"] as? String == "http://192.0.2.1:1337")
      let id = try #require(made.json["id"] as? String)
      let shown = try await program("invite", "show", id, "--json")
      #expect(shown.json["link"] as? String == made.json["link"] as? String)
      let revoked = try await program("invite", "revoke", id, "--json")
      #expect(revoked.json["status"] as? String == "revoked")
      for (arguments, status) in [
        (["create", "Bob"], 4), (["create", "Ada", "--expires", "2y"], 1),
        (["create", "Ada", "--url", "ftp://x"], 1), (["show", "nothing"], 4), (["revoke", "nothing"], 4),
        (["create"], 2),
      ] as [([String], Int32)] {
        let outcome = try await program.run(["invite"] + arguments)
        #expect(outcome.status == status, "\(outcome)")
        #expect(!outcome.errors.isEmpty)
      }
    }
  }

  @Test("a link that was changed is refused, and nobody is asked")
  func changed() async throws {
    try await Program.run(isMade: false) { peer in
      for (link, word) in [("osaurus://x", "not an invite"), ("hello", "not an invite"), ("", "Nothing")] {
        let outcome = try await peer("connect", "redeem", input: link)
        #expect(outcome.status != 0)
        #expect(outcome.errors.contains(word), "\(outcome)")
      }
      #expect(try peer.files().isEmpty)
    }
  }

  @Test("details that are not signed are shown as such, in one line each, and are used only after a yes")
  func unsignedDetails() async throws {
    let agent = try MasterKey.generate().signingKey
    let details = try InviteDetails(name: "Ada\n  host   https://good.example", url: "http://127.0.0.1:1")
    let nonce = try #require(InviteNonce(Base64URL.string(RandomBytes.make(32))))
    let link = Invite.make(by: agent, details, expiresAt: 4_000_000_000, nonce: nonce).link
    try await Program.run(isMade: false) { peer in
      let asked = try await peer("connect", "redeem", "--keystore", "file", input: link)
      #expect(asked.status == 2)
      #expect(asked.errors.contains("Only the address is signed") && asked.errors.contains("--yes"))
      #expect(asked.errors.contains("  agent  Ada host https://good.example\n"))
      let used = try await peer("connect", "redeem", "--keystore", "file", "--yes", "--json", input: link)
      #expect(used.status == 1)
      #expect((used.json["message"] as? String)?.contains("cannot be reached") == true)
      let list = try await peer("connect", "list", "--json")
      #expect(list.output.trimmingCharacters(in: .whitespacesAndNewlines).filter { !$0.isWhitespace } == "[]")
    }
  }

  // MARK: On a terminal

  @Test(
    "the code on a terminal is one that scanners read, on dark and on light ones, and is read back from a picture"
  )
  func code() async throws {
    try await serve { program, _ in
      for columns in [80, 120] {
        let terminal = try program.onTerminal("invite", "create", "Ada", columns: columns, rows: 60)
        #expect(try await terminal.end() == 0)
        let link = try #require(
          terminal.raw.firstMatch(of: /osaurus:\/\/[0-9a-zA-Z?=_-]+/).map { String($0.output) })
        for background in [UInt8(0), 255] {
          let picture = program.home + "/code.pgm"
          try Data(Self.picture(of: terminal.raw, background: background)).write(to: URL(filePath: picture))
          #expect(try await Self.scan(picture) == link)
        }
        try await Program.run(isMade: false) { peer in
          let redeemed = try await peer(
            "connect", "redeem", "--qr", program.home + "/code.pgm", "--keystore", "file", "--json")
          #expect(redeemed.json["name"] as? String == "Ada", "\(redeemed)")
        }
      }
    }
  }

  @Test(
    "a picture that is not there, no picture, one without an invite and a changed one are refused, and nobody is asked"
  )
  func badPictures() async throws {
    try await serve { program, _ in
      let terminal = try program.onTerminal("invite", "create", "Ada", columns: 120, rows: 60)
      #expect(try await terminal.end() == 0)
      let good = Self.picture(of: terminal.raw, background: 255)
      try await Program.run(isMade: false) { peer in
        func redeem(_ bytes: [UInt8]?) async throws -> Program.Outcome {
          let file = peer.home + "/code.pgm"
          if let bytes { try Data(bytes).write(to: URL(filePath: file)) }
          return try await peer("connect", "redeem", "--qr", file, "--keystore", "file", "--json")
        }
        let missing = try await redeem(nil)
        #expect(missing.status == 4 && missing.code == "not_found", "\(missing)")
        let white = Array("P5 200 200 255\n".utf8) + [UInt8](repeating: 255, count: 40_000)
        for bytes in [[], Array("no picture".utf8), white, Array(good.prefix(good.count / 3))] {
          let outcome = try await redeem(bytes)
          #expect(outcome.status == 1 && outcome.code == "no_invite", "\(outcome)")
        }
        let both = try await peer("connect", "redeem", "osaurus://x", "--qr", "code.pgm")
        #expect(both.status == 2)
        #expect(try await peer("connect", "list", "--json").list.isEmpty)
        #expect(try await program("invite", "list", "--json").list.first?["status"] as? String == "open")
      }
    }
  }

  @Test(
    "a terminal that is too narrow, or that has no colours, gets the link alone",
    arguments: [(60, "xterm"), (200, "dumb")])
  func noCode(columns: Int, kind: String) async throws {
    try await Program.run { program in
      _ = try await program("agent", "create", "Ada")
      let terminal = try program.onTerminal("invite", "create", "Ada", columns: columns, kind: kind)
      #expect(try await terminal.end() == 0)
      #expect(terminal.raw.contains("osaurus://"))
      #expect(!terminal.raw.contains("▀") && !terminal.raw.contains("\u{1b}[38"))
    }
  }

  @Test("on a terminal the link is typed without being shown, and used after a yes")
  func typed() async throws {
    try await serve { program, _ in
      let link = try await self.link(program)
      try await Program.run(isMade: false) { peer in
        for answer in ["n", "y"] {
          let terminal = try peer.onTerminal("connect", "redeem", "--keystore", "file")
          try await terminal.see("Invite:")
          terminal.enter(link)
          try await terminal.see("Use it here?")
          terminal.enter(answer)
          #expect(try await terminal.end() == (answer == "y" ? 0 : 1))
          #expect(terminal.raw.contains("signed by 0x") && !terminal.raw.contains("pair="))
          #expect(terminal.isRestored)
        }
      }
    }
  }

  /// What the terminal shows of a code, as a picture on a background: 4 × 4 pixels a module.
  private static func picture(of raw: String, background: UInt8) -> [UInt8] {
    let rows = raw.matches(of: /\u{1b}\[38;5;16;48;5;231m([ ▀▄█]+)\u{1b}\[0m/).map { Array($0.1) }
    let (scale, border) = (4, 40)
    let width = (rows.first?.count ?? 0) * scale + 2 * border
    let edge = [UInt8](repeating: background, count: border)
    let outside = [UInt8](repeating: background, count: width * border)
    var pixels = outside
    for row in rows {
      for dark in ["▀█", "▄█"] {
        let line = row.flatMap { [UInt8](repeating: dark.contains($0) ? 0 : 255, count: scale) }
        for _ in 0..<scale { pixels += edge + line + edge }
      }
    }
    pixels += outside
    return Array("P5 \(width) \(pixels.count / max(width, 1)) 255\n".utf8) + pixels
  }

  private static func scan(_ picture: String) async throws -> String {
    let result = try await Subprocess.run(
      .name("zbarimg"), arguments: ["--quiet", "--raw", picture], output: .string(limit: 65536),
      error: .discarded)
    return result.standardOutput.trimmingCharacters(in: .newlines)
  }
}
