import Foundation
import Testing

/// `osaurus-host audit`, run as a person runs it.
@Suite("The audit commands", .serialized, .timeLimit(.minutes(10)))
struct AuditCommandTests {
  @Test("what the owner runs and what is refused is recorded, with a service and without one")
  func recorded() async throws {
    try await Program.run { program in
      #expect(try await program("agent", "create", "Ada").status == 0)
      #expect(try await program("audit", "show", "--json").list.isEmpty)
      #expect(try await program("audit", "verify").status == 0)
      let run = try await program("sandbox", "exec", "--", "sh", "-c", "exit 3")
      #expect(run.status == 3)
      try await program.serve { _ in
        #expect(try await program("sandbox", "exec", "--agent", "Ada", "--", "true").status == 0)
        #expect(try await program("sandbox", "exec", "--", "no-such-program").status == 125)
        let hook = try await program(
          "sandbox", "exec", "--agent", "Ada", "--env", "LD_PRELOAD=secret.so", "--", "true")
        #expect(hook.status == 3)
        let during = try await program("audit", "show", "--json").list
        #expect(during.count == 8)
      }
      let shown = try await program("audit", "show", "--json").list
      #expect(
        shown.map { $0["kind"] as? String } == [
          "bound", "begun", "ended", "begun", "ended", "begun", "ended", "refused",
        ])
      #expect(
        shown.map { $0["outcome"] as? String } == [
          "none", "none", "exited", "none", "exited", "none", "notStarted", "refused",
        ])
      #expect(shown[2]["exitCode"] as? Int == 3 && shown[2]["about"] as? Int == 2)
      #expect((shown[2]["peakMemory"] as? Int ?? 0) > 0)
      #expect(shown.dropFirst().allSatisfy { $0["origin"] as? String == "owner" })
      // printf '%s\0' sh -c 'exit 3' | sha256sum
      #expect(
        shown[1]["code"] as? String == "4f702e452fe2f85267030980c443b9313cb389835097262c7b6c7cd349544e4a")
      let agent = try #require(try await program("agent", "show", "Ada", "--json").json["id"] as? String)
      let hers = try await program("audit", "show", "--agent", "Ada", "--since", "1h", "--json").list
      #expect(hers.count == 3 && hers.allSatisfy { $0["subject"] as? String == agent })
      #expect(hers.last?["reason"] as? String == "variable")
      #expect(try await program("audit", "show", "--agent", "Bob").status == 4)
      let table = try await program("audit", "show")
      #expect(table.output.contains("exited 3") && !table.output.contains("secret.so"))
      let verified = try await program("audit", "verify", "--json")
      #expect(verified.status == 0)
      // The service has signed as it stopped.
      #expect(verified.json["good"] as? Bool == true && verified.json["unsigned"] as? Int == 0)
      #expect(verified.json["records"] as? Int == 8)
    }
  }

  @Test(
    "an export is verified by another program, which finds every change in it",
    .enabled(if: SecondWire.isInstalled))
  func exported() async throws {
    try await Program.run { program in
      for word in ["one", "two"] {
        #expect(try await program("sandbox", "exec", "--", "echo", word).status == 0)
      }
      // What it asks for is not on the list.
      let asking = try await program(
        "sandbox", "exec", "--network", "listed.example:443", "--", "bash", "-c",
        #"exec 3<>/dev/tcp/127.0.0.1/3128; printf 'CONNECT other.example:443 HTTP/1.1\r\nHost: other.example:443\r\n\r\n' >&3; head -n 1 <&3"#
      )
      #expect(asking.status == 0, "\(asking)")
      let shown = try await program("audit", "show", "--json").list
      #expect(shown[6]["kind"] as? String == "connection", "\(asking)")
      #expect(shown[6]["reason"] as? String == "not_listed other.example:443")
      let file = program.home + "/audit.jsonl"
      let exported = try await program("audit", "export", file)
      #expect(exported.status == 0, "\(exported)")
      let again = try await program("audit", "export", file, "--json")
      #expect(again.status == 1 && again.code == "target_exists")
      let attributes = try FileManager.default.attributesOfItem(atPath: file)
      #expect((attributes[.posixPermissions] as? Int) == 0o600)
      let text = try String(contentsOfFile: file, encoding: .utf8)
      let toOutput = try await program("audit", "export", "-")
      #expect(toOutput.output == text)

      let good = try await SecondWire.run("audit", file)
      #expect(good.status == 0, "\(good)")
      #expect(good.last["records"] as? Int == 8 && good.last["unsigned"] as? Int == 0)
      let identity = try await program("identity", "show", "--json")
      #expect(good.last["signer"] as? String == identity.json["address"] as? String)

      let lines = text.split(separator: "\n").map(String.init)
      let later = lines.map { line in
        guard line.contains(#""type":"checkpoint""#), let range = line.range(of: #""time":1"#) else {
          return line
        }
        return line.replacingCharacters(in: range, with: #""time":2"#)
      }
      let changes: [(String, [String])] = [
        ("a change", lines.map { $0.replacing(#""outcome":"exited""#, with: #""outcome":"signalled""#) }),
        ("a record less", lines.filter { !$0.contains(#""sequence":4,"#) || $0.contains("checkpoint") }),
        ("no end", Array(lines.dropLast())),
        ("another order", [lines[0]] + lines.dropFirst().reversed()),
        ("a signature of another time", later),
      ]
      for (change, lines) in changes {
        let bad = program.home + "/bad.jsonl"
        try Data(lines.map { $0 + "\n" }.joined().utf8).write(to: URL(filePath: bad))
        let outcome = try await SecondWire.run("audit", bad)
        #expect(outcome.status == 1 && outcome.last["failed"] != nil, "\(change): \(outcome)")
      }
    }
  }

  @Test("pruning asks, goes up to a signature, and leaves what can be verified")
  func pruned() async throws {
    try await Program.run { program in
      for _ in 0..<2 { #expect(try await program("sandbox", "exec", "--", "true").status == 0) }
      let unasked = try await program("audit", "prune", "--through", "3")
      #expect(unasked.status != 0)
      // Each command without a service signs at its end: after records 3 and 5.
      let pruned = try await program("audit", "prune", "--through", "4", "--yes", "--json")
      #expect(pruned.status == 0, "\(pruned)")
      #expect(pruned.json["through"] as? Int == 3)
      let shown = try await program("audit", "show", "--json").list
      #expect(shown.map { $0["sequence"] as? Int } == [4, 5, 6])
      #expect(shown.last?["kind"] as? String == "pruned")
      let verified = try await program("audit", "verify")
      #expect(verified.status == 0 && verified.output.contains("Records up to 3 were removed"), "\(verified)")
      #expect(try await program("audit", "show", "--since", "nonsense").status == 2)
    }
  }

  @Test("an audit is held against an earlier export, from a file or from standard input")
  func against() async throws {
    try await Program.run { program in
      #expect(try await program("sandbox", "exec", "--", "true").status == 0)
      let file = program.home + "/audit.jsonl"
      #expect(try await program("audit", "export", file).status == 0)
      #expect(try await program("sandbox", "exec", "--", "true").status == 0)
      let same = try await program("audit", "verify", "--against", file, "--json")
      #expect(same.status == 0 && same.json["good"] as? Bool == true, "\(same)")
      #expect((same.json["against"] as? [String: Any])?["matched"] as? Int == 3)
      let piped = try await program(
        "audit", "verify", "--against", "-", input: String(contentsOfFile: file, encoding: .utf8))
      #expect(piped.status == 0 && piped.output.contains("3 records are the same"), "\(piped)")

      let other = try String(contentsOfFile: file, encoding: .utf8)
        .replacing(/"hash":"[0-9a-f]{64}"/, with: #""hash":"\#(String(repeating: "0", count: 64))""#)
      let changed = program.home + "/changed.jsonl"
      try Data(other.utf8).write(to: URL(filePath: changed))
      let different = try await program("audit", "verify", "--against", changed)
      #expect(
        different.status == 1 && different.output.contains("Record 1, or one before it"), "\(different)")
      try Data("nothing\n".utf8).write(to: URL(filePath: changed))
      let nonsense = try await program("audit", "verify", "--against", changed, "--json")
      #expect(nonsense.status == 1, "\(nonsense)")
      try Data().write(to: URL(filePath: changed))
      #expect(try await program("audit", "verify", "--against", changed).status == 1)
      #expect(try await program("audit", "verify", "--against", program.home + "/none").status == 4)
    }
  }

  @Test("where there is no host there is no audit, and commands run")
  func noHost() async throws {
    try await Program.run(isMade: false) { program in
      let alone = try await program("sandbox", "exec", "--", "true")
      #expect(alone.status == 0, "\(alone)")
      let shown = try await program("audit", "show")
      #expect(shown.status == 1)
      let agents = try await program("sandbox", "exec", "--agent", "Ada", "--", "true")
      #expect(agents.status == 1)
    }
  }
}
