import Foundation
import Identity
import Keyring
import SecretMemory
import Testing

@Suite("osaurus-host identity token", .serialized, .timeLimit(.minutes(10)))
struct TokenCommandTests {
  private static let target = ["--audience", "host.example", "--action", "GET /status"]

  @Test("a token that was made here is taken once, with a service and without one")
  func onceOnly() async throws {
    try await Program.run { program in
      _ = try await program("agent", "create", "Ada")
      let before = try await program("identity", "device")
      let made = try await program.run(["identity", "token", "mint", "--json"] + Self.target)
      #expect(made.status == 0, "\(made)")
      let token = try #require(made.json["token"] as? String)
      #expect(before.output.hasPrefix("\(try #require(made.json["device"] as? String)):"))
      let taken = try await program.run(
        ["identity", "token", "verify", "--json"] + Self.target, input: token + "\n")
      #expect(taken.status == 0, "\(taken)")
      #expect(taken.json["issuer"] as? String == made.json["issuer"] as? String)
      #expect(taken.json["deviceProven"] as? Bool == true)
      try await program.serve { _ in
        let again = try await program.run(
          ["identity", "token", "verify", "--json"] + Self.target, input: token)
        #expect(again.status == 3)
        #expect(again.code == "replayed")
        let agents = try await program.run(["identity", "token", "mint", "--agent", "ada"] + Self.target)
        let inWords = try await program.run(
          ["identity", "token", "verify"] + Self.target, input: agents.output)
        #expect(inWords.status == 0, "\(inWords)")
        #expect(inWords.output.contains("Made by 0x"))
        let device = try await program("identity", "device")
        #expect(device.output == before.output)
      }
      // No token and no key is in a file, but for the key file.
      #expect(try program.files(holding: [token]).isEmpty)
    }
  }

  @Test("another host takes a token when it is told of the issuer and of the device")
  func otherHost() async throws {
    try await Program.run { mine in
      let device = try await mine("identity", "device").output.trimmingCharacters(in: .whitespacesAndNewlines)
      let address = try #require(try await mine("identity", "show", "--json").json["address"] as? String)
      try await Program.run { theirs in
        func verify(_ more: [String], isSoftware: Bool = false, action: String = "GET /status") async throws
          -> Program.Outcome
        {
          let token = try await mine.run(
            ["identity", "token", "mint"] + Self.target + (isSoftware ? ["--software"] : []))
          return try await theirs.run(
            ["identity", "token", "verify", "--json", "--audience", "host.example", "--action", action]
              + more,
            input: token.output)
        }
        for (more, isSoftware, action, code): ([String], Bool, String, String?) in [
          ([], false, "GET /status", "unknown_issuer"),
          (["--issuer", address], false, "GET /status", "unknown_device"),
          (["--issuer", address, "--device", device], false, "POST /status", "action_mismatch"),
          (["--issuer", address, "--device", device], true, "GET /status", "unsigned_by_device"),
          (["--issuer", address, "--device", device], false, "GET /status", nil),
          (["--issuer", address, "--accept-software"], true, "GET /status", nil),
        ] {
          let outcome = try await verify(more, isSoftware: isSoftware, action: action)
          #expect(outcome.code == code)
          #expect(outcome.status == (code == nil ? 0 : 3))
        }
        let wrong = try await verify(["--issuer", address, "--device", "12:34"])
        #expect(wrong.status == 1)
        #expect(wrong.code == "invalid_request")
        let none = try await theirs.run(["identity", "token", "verify"] + Self.target, input: "osk-v1.a.b")
        #expect(none.status == 3)
        #expect(none.errors.contains("This is not a request token."))
      }
    }
  }

  @Test("the device's key is made once, stays in the key store, and a broken one is not replaced")
  func deviceKey() async throws {
    try await Program.run { program in
      let store = FileKeyStore(file: HostFolders(home: URL(filePath: program.home)).keyFile)
      #expect(try store.contains(.deviceKey) == false)
      let verified = try await program.run(["identity", "token", "verify"] + Self.target, input: "a")
      #expect(verified.status == 3)
      #expect(try store.contains(.deviceKey) == false)
      let all = try await withThrowingTaskGroup(of: String.self) { group in
        for _ in 0..<4 { group.addTask { try await program("identity", "device").output } }
        return try await group.reduce(into: Set<String>()) { $0.insert($1) }
      }
      #expect(all.count == 1)
      guard let item = try store.load(.deviceKey) else {
        Issue.record("there is no key")
        return
      }
      let key = try DeviceKey(item)
      #expect(all.first == "\(key.id.text):\(key.publicKey.text)\n")
      try store.store(.random(count: 12), as: .deviceKey)
      let broken = try await program("identity", "device", "--json")
      #expect(broken.status == 1)
      guard let left = try store.load(.deviceKey) else {
        Issue.record("the key is gone")
        return
      }
      let count = left.count
      #expect(count == 12)
    }
  }
}
