import Foundation
import Keyring
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// The real `systemd-creds`, with a machine's key of the test's own. Only root can use it before systemd 256.
@Suite(
  "A key slot for this machine", .serialized, .timeLimit(.minutes(10)),
  .enabled(
    if: ProcessInfo.processInfo.environment["CI"] == "true"
      || geteuid() == 0 && (try? SystemdCredentials()) != nil))
struct CredentialSlotTests {
  @Test("it is added, tried, listed and removed, and brings the data key back on its machine alone")
  func slot() async throws {
    try await Program.run { plain in
      let here = Program(
        home: plain.home, environment: ["SYSTEMD_CREDENTIAL_SECRET": plain.home + "/machine.secret"])
      let elsewhere = Program(
        home: plain.home, environment: ["SYSTEMD_CREDENTIAL_SECRET": plain.home + "/other.secret"])
      let none = try await here("storage", "slots", "test", "credential", "--json")
      #expect(none.code == "slot_not_opened")
      let added = try await here(
        "storage", "slots", "add", "credential", "--with-key", "host", "--json")
      #expect(added.json["kind"] as? String == "credential", "\(added)")
      #expect(try await here("storage", "slots", "test", "credential").status == 0)
      let refused = try await elsewhere("storage", "slots", "test", "credential", "--json")
      #expect(refused.status == 1)
      #expect((refused.json["message"] as? String)?.contains("only on the machine that made it") == true)
      #expect(try await here("storage", "slots", "list").output.contains("this machine"))

      // Two machines: each opens its own.
      #expect(
        try await elsewhere("storage", "slots", "add", "credential", "--with-key", "host").status == 0)
      #expect(try await elsewhere("storage", "slots", "test", "credential").status == 0)
      #expect(try await here("storage", "slots", "test", "credential").status == 0)

      let keys = plain.home + "/config/keys.json"
      let text = try String(contentsOf: URL(filePath: keys), encoding: .utf8)
      let lost = text.replacing(/"data-key":"[^"]*",/, with: "")
      #expect(lost != text)
      try lost.write(to: URL(filePath: keys), atomically: false, encoding: .utf8)
      let restored = try await here("storage", "slots", "restore", "credential", "--json")
      #expect(restored.json["restored"] as? [String] == ["data-key"], "\(restored)")
      #expect(try String(contentsOf: URL(filePath: keys), encoding: .utf8) == text)

      #expect(try await here("storage", "slots", "remove", "phrase", "--yes").status == 0)
      let listed = try await here("storage", "slots", "list", "--json")
      #expect(listed.list.map { $0["kind"] as? String } == ["credential", "credential"])
      let first = try #require(listed.list[0]["id"] as? String)
      #expect(try await here("storage", "slots", "remove", first, "--yes").status == 0)
      let last = try await here("storage", "slots", "remove", "credential", "--yes", "--json")
      #expect(last.code == "last_slot")
    }
  }
}
