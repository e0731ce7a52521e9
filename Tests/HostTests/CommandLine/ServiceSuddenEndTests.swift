import Foundation
import GRDB
import Keyring
import Storage
import Stores
import Synchronization
import TestSupport
import Testing

@testable import Host

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// The service itself, killed while people write to it.
@Suite("The service and sudden ends", .serialized, .timeLimit(.minutes(60)))
struct ServiceSuddenEndTests {
  /// What the service acknowledged over HTTP so far.
  private final class Acknowledged: Sendable {
    struct Words: Sendable {
      /// Answers, by conversation, in order.
      var chats: [UUID: [String]] = [:]
      /// Conversations that were taken in.
      var conversations: Set<String> = []
      /// Keys that were revoked.
      var revoked: [String] = []
      var count = 0
    }

    let words = Mutex(Words())
    private let wanted: Int
    let isEnough = Signal<Void>()

    init(wanted: Int) { self.wanted = wanted }

    func note(_ change: (inout Words) -> Void) {
      let isEnough = words.withLock { words in
        change(&words)
        words.count += 1
        return words.count >= wanted
      }
      if isEnough { self.isEnough.fulfil(.success(())) }
    }
  }

  @Test("what the service acknowledged before it was killed is there after the next start")
  func killed() async throws {
    try await ScriptedModelServer.run { _, url in
      try await Program.run(environment: ["OSAURUS_MODEL_URL": url]) { program in
        let ada = try await program("agent", "create", "Ada", "--json")
        let agent = try #require(ada.json["id"] as? String)
        var known = Acknowledged.Words()
        for seed in Rounds.seeds(few: 3) {
          var generator = SeededGenerator(seed: seed)
          let acknowledged = Acknowledged(wanted: Int.random(in: 1...12, using: &generator))
          let moment = Int.random(in: 0...20_000, using: &generator)
          let before = known
          let ending = try await program.serve(stop: SIGKILL) { service in
            try await check(before, in: program, service)
            let control = WireClient(socket: program.controlSocket)
            await withTaskGroup(of: Void.self) { group in
              group.addTask { await chat(with: agent, over: control, acknowledged) }
              group.addTask { await ingest(for: agent, over: control, acknowledged) }
              group.addTask { await revoke(over: control, acknowledged) }
              try? await acknowledged.isEnough.value()
              // Not a wait for anything: the moment of its end is to be any.
              usleep(useconds_t(moment))
              kill(service.process, SIGKILL)
            }
          }
          #expect(ending.status == -SIGKILL)
          acknowledged.words.withLock { words in
            known.chats.merge(words.chats) { $0 + $1 }
            known.conversations.formUnion(words.conversations)
            known.revoked += words.revoked
          }
        }
        let all = known
        try await program.serve { service in try await check(all, in: program, service) }
        let verified = try await program("storage", "verify", "--json")
        #expect(verified.json["broken"] as? Bool == false, "\(verified)")
      }
    }
  }

  // MARK: The load, each until the service is gone

  private func chat(with agent: String, over wire: WireClient, _ acknowledged: Acknowledged) async {
    let session = UUID()
    for number in 1... {
      let picture = Data((0..<20_000).map { UInt8(truncatingIfNeeded: $0 &* number) }).base64EncodedString()
      let body = """
        {"model":"","stream":true,"session_id":"\(session)","messages":[{"role":"user","content":[
        {"type":"text","text":"say \(number)"},
        {"type":"image_url","image_url":{"url":"data:image/png;base64,\(picture)"}}]}]}
        """
      guard let answer = try? await wire.ask("POST", "/agents/\(agent)/run", body), answer.isWhole,
        answer.status == 200, answer.events.last == "[DONE]", !answer.text.contains(#""error""#)
      else { return }
      acknowledged.note { $0.chats[session, default: []].append("\(number) ") }
    }
  }

  private func ingest(for agent: String, over wire: WireClient, _ acknowledged: Acknowledged) async {
    while true {
      let name = UUID().uuidString
      let body =
        #"{"agent_id":"\#(agent)","conversation_id":"\#(name)","turns":[{"user":"q \#(name)","assistant":"a \#(name)"}]}"#
      guard let answer = try? await wire.ask("POST", "/memory/ingest", body), answer.isWhole,
        answer.status == 200
      else { return }
      acknowledged.note { $0.conversations.insert(name) }
    }
  }

  private func revoke(over wire: WireClient, _ acknowledged: Acknowledged) async {
    while true {
      guard let made = try? await wire.ask("POST", "/control/keys", "{}"), made.isWhole,
        let key = made.json["key"] as? String, let id = made.json["id"] as? String,
        let gone = try? await wire.ask("POST", "/control/keys/\(id)/revoke", "{}"), gone.isWhole,
        gone.status < 300
      else { return }
      acknowledged.note { $0.revoked.append(key) }
    }
  }

  // MARK: What is there

  private func check(
    _ known: Acknowledged.Words, in program: Program, _ service: Program.Service
  ) async throws {
    let folders = HostFolders(home: URL(filePath: program.home))
    let settings = try HostSettings.load(folders: folders, environment: program.variables())
    let key = try HostStorage(folders: folders, settings: settings).key
    let rows = try EncryptedDatabase.read(.chatHistory, in: folders, key: key) { database in
      try Row.fetchAll(
        database, sql: "SELECT session_id, content FROM turns WHERE role = 'assistant' ORDER BY position"
      ).map { (session: $0["session_id"] as String, content: $0["content"] as String) }
    }
    let answers = Dictionary(grouping: rows) { $0.session }
    for (session, numbers) in known.chats {
      let kept = answers[session.uuidString, default: []].map { $0.content }
      // The last answer may have been kept and not yet told.
      #expect(kept == numbers || kept.dropLast() == numbers[...], "\(kept) where \(numbers) was told")
    }
    let conversations = try EncryptedDatabase.read(.memory, in: folders, key: key) { database in
      try Set(String.fetchAll(database, sql: "SELECT conversation_id FROM memories WHERE role = 'assistant'"))
    }
    #expect(known.conversations.isSubset(of: conversations))
    for key in known.revoked.suffix(20) {
      let status = try await WireClient(port: service.port, key: key).ask("GET", "/v1/agents").status
      #expect(status == 401)
    }
  }
}
