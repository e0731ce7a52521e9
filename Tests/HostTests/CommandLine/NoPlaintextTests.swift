import Foundation
import Testing

@testable import Host

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A host is told things through every road that there is, and then every byte that it left on disk is looked at.
@Suite("No plaintext", .serialized, .timeLimit(.minutes(10)))
struct NoPlaintextTests {
  private static let passphrase = "marker-passphrase-tortoise"
  private static let slotPassphrase = "marker-slot-passphrase-heron"

  @Test("what the scan is to find, it finds in every form")
  func scan() {
    let scan = MarkerScan(["marker-of-the-test"])
    let text = "…x" + "marker-of-the-test" + "y…"
    for prefix in ["", "1", "12"] {
      let bytes = Data((prefix + text).utf8)
      #expect(scan.found(in: bytes).count == 1)
      #expect(scan.found(in: Data(bytes.base64EncodedString().utf8)).count == 1)
      #expect(scan.found(in: Data(bytes.map { String(format: "%02X", $0) }.joined().utf8)).count == 1)
    }
    #expect(scan.found(in: text.data(using: .utf16LittleEndian)!).count == 1)
    #expect(scan.found(in: text.data(using: .utf16BigEndian)!).count == 1)
    #expect(scan.found(in: Data("marker-of-the-tess".utf8)).isEmpty)
  }

  @Test("nothing that was told to a host stands in any file of its, running, killed, or stopped")
  func everyRoad() async throws {
    try await ScriptedModelServer.run { _, url in
      try await Program.run(isMade: false) { bare in
        // Whatever anybody would put into a temporary file comes to lie below the home, where it is looked for.
        var program = bare
        let temporary = program.home + "/tmp"
        try FileManager.default.createDirectory(atPath: temporary, withIntermediateDirectories: true)
        program.environment = ["OSAURUS_MODEL_URL": url, "TMPDIR": temporary, "SQLITE_TMPDIR": temporary]
        let made = try await program(
          "init", "--non-interactive", "--json", "--keystore", "passphrase", input: Self.passphrase + "\n")
        let words = try #require(made.json["mnemonic"] as? String).split(separator: " ").map(String.init)
        // Outside of the home: this is what systemd would hand over.
        let credentials = TemporaryHome()
        try Data((Self.passphrase + "\n").utf8).write(
          to: URL(filePath: credentials.path + "/osaurus-passphrase"))
        chmod(credentials.path + "/osaurus-passphrase", 0o400)
        program.environment["CREDENTIALS_DIRECTORY"] = credentials.path

        var markers = [Self.passphrase, Self.slotPassphrase]
        markers += (0..<22).map { words[$0...($0 + 2)].joined(separator: " ") }
        _ = try await program(
          "storage", "slots", "add", "passphrase",
          input: Self.slotPassphrase + "\n" + Self.slotPassphrase + "\n")
        let killed = try await program.serve(stop: SIGKILL) { service in
          let more = try await tell(program, service)
          try look(for: markers + more, in: program)
          // The largest sort and search that there is, on what is there by now.
          _ = try await program("memory", "search", "marker")
          _ = try await program("storage", "maintain", "--now")
          try look(for: markers + more, in: program)
          return more
        }
        markers += killed.result
        try look(for: markers, in: program, log: killed.log)
        let ended = try await program.serve { service in
          markers += try await tell(program, service)
          #expect(Self.status(service.process, "VmSwap") == 0)
          #expect(Self.status(service.process, "VmLck").map { $0 > 0 } == true)
        }
        try look(for: markers, in: program, log: ended.log)
        _ = try await program("storage", "verify")
        _ = try await program("storage", "maintain", "--now")
        try look(for: markers, in: program)
        withExtendedLifetime(credentials) {}
      }
    }
  }

  private func look(for markers: [String], in program: Program, log: String = "") throws {
    var files = try program.files()
    files["the log"] = Data(log.utf8)
    #expect(files.count > 8)
    #expect(MarkerScan(markers).found(in: files).isEmpty)
    let temporary = try FileManager.default.contentsOfDirectory(atPath: program.home + "/tmp")
    #expect(temporary.isEmpty)
  }

  /// Tells it things; gives what must not be found.
  private func tell(_ program: Program, _ service: Program.Service) async throws -> [String] {
    var markers: [String] = []
    func marker(_ road: String) -> String {
      markers.append("marker-\(road)-\(UInt32.random(in: .min ... .max))")
      return markers.last!
    }
    let control = WireClient(socket: program.controlSocket)
    func tell(_ path: String, _ body: [String: Any]) async throws -> WireAnswer {
      let answer = try await control.ask(
        "POST", path, [UInt8](try JSONSerialization.data(withJSONObject: body)))
      #expect(answer.status < 300, "\(path): \(answer.text)")
      return answer
    }
    let name = marker("agent-name")
    let agent = try await tell(
      "/control/agents",
      ["name": name, "systemPrompt": marker("prompt"), "description": marker("description")])
    let id = try #require(agent.json["id"] as? String)
    for size in [10, 3000] {
      let picture = Data((marker("picture") + "…").utf8) + Data(repeating: 7, count: size * 10)
      let document = String(repeating: marker("document") + " ", count: size)
      let said = try await tell(
        "/agents/\(id)/run",
        [
          "model": "", "session_id": UUID().uuidString,
          "messages": [
            [
              "role": "user",
              "content": [
                ["type": "text", "text": "say " + marker("said-and-answered")],
                [
                  "type": "image_url",
                  "image_url": ["url": "data:image/png;base64," + picture.base64EncodedString()],
                ],
                ["type": "file", "file": ["filename": marker("filename"), "file_data": document]],
              ],
            ]
          ],
        ])
      #expect(said.events.last == "[DONE]" && !said.text.contains(#""error""#), "\(said.text)")
    }
    for number in 0..<20 {
      _ = try await tell(
        "/memory/ingest",
        [
          "agent_id": id, "conversation_id": marker("conversation"),
          "turns": [
            [
              "user": marker("ingested-\(number)"),
              "assistant": String(repeating: marker("learned"), count: 50),
            ]
          ],
        ])
    }
    _ = try await tell(
      "/control/memory", ["agent": name, "text": marker("memory"), "keywords": marker("keyword")])
    let key = try await tell("/control/keys", ["agent": name, "label": marker("key-label")])
    let text = try #require(key.json["key"] as? String)
    markers.append(String(text.suffix(40)))
    #expect(try await WireClient(port: service.port, key: text).ask("GET", "/v1/agents").status == 200)
    let invite = try await program(
      "invite", "create", name, "--label", marker("invite-label"), "--url", "http://192.0.2.9:1", "--json")
    #expect(invite.status == 0, "\(invite)")
    return markers
  }

  /// A number of a process's status, such as how much of it is swapped out, in KiB.
  private static func status(_ process: pid_t, _ name: String) -> Int? {
    let text = (try? FileHandle(forReadingFrom: URL(filePath: "/proc/\(process)/status")).readToEnd()) ?? nil
    return String(decoding: text ?? Data(), as: UTF8.self).split(separator: "\n")
      .first { $0.hasPrefix(name + ":") }?.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) }
  }
}
