import Agents
import Foundation
import Inference
import Storage
import Stores
import Synchronization
import Testing

@testable import Host

@Suite("What is kept of an agent's conversations", .serialized, .timeLimit(.minutes(10)))
struct AgentHistoryTests {
  private func chat(_ messages: String..., more: String = "") -> String {
    let turns = messages.enumerated().map { index, text in
      #"{"role":"\#(index % 2 == 0 ? "user" : "assistant")","content":"\#(text)"}"#
    }
    return #"{"model":"","messages":[\#(turns.joined(separator: ","))]\#(more)}"#
  }

  /// Serves a host with an agent and gives the path of its run and a caller with a key to it.
  private func serve(
    _ body: @escaping @Sendable (WholeHost, String, WireClient) async throws -> Void
  ) async throws {
    try await WholeHost.serve { host, doors in
      let ada = try await host.agent("Ada")
      try await body(host, "/agents/\(ada.id)/run", doors.with(key: try await host.key(for: "Ada").text))
    }
  }

  @Test("questions and answers are kept in order, and are found by their words")
  func kept() async throws {
    try await serve { host, path, wire in
      let session = UUID()
      let named = ["X-Session-Id: \(session)"]
      _ = try await wire.ask("POST", path, chat("say marmalade"), headers: named)
      let second = chat("say marmalade", "marmalade ", "say plum", more: #","session_id":"\#(session)""#)
      _ = try await wire.ask("POST", path, second)
      await host.services.runner.settle()
      #expect(
        try await host.turns(of: session) == [
          "user: say marmalade (complete)", "assistant: marmalade  (complete)",
          "user: say plum (complete)", "assistant: plum  (complete)",
        ])
      let record = try #require(try await host.services.chats.session(session))
      #expect(record.title == "say marmalade")
      #expect(record.model == "scripted/one")
      #expect(record.source == .http)
      #expect(try await host.services.chats.search("marmalade").count == 2)
      #expect(try await host.services.chats.search("quince").isEmpty)
    }
  }

  @Test("an image is kept with the question, and comes back as it was sent")
  func image() async throws {
    try await serve { host, path, wire in
      let session = UUID()
      let url = "data:image/png;base64," + Data((0..<30_000).map { UInt8($0 % 251) }).base64EncodedString()
      let small = "data:image/gif;base64," + Data([1, 2, 3]).base64EncodedString()
      func question(_ earlier: String = "") -> String {
        #"""
        {"model":"","session_id":"\#(session)","messages":[{"role":"user","content":[{"type":"text","text":"say plum"},\#
        {"type":"image_url","image_url":{"url":"\#(url)"}},{"type":"image_url","image_url":{"url":"\#(small)"}}]}\#(earlier)]}
        """#
      }
      let answer = try await wire.ask("POST", path, question())
      #expect(StreamedAnswer(answer.text).text == "plum ")
      #expect(host.model.requests.last?.contains(url.suffix(1000)) == true)
      // Callers repeat the whole conversation; what was said before is not kept twice.
      let next = #",{"role":"assistant","content":"plum"},{"role":"user","content":"say more"}"#
      _ = try await wire.ask("POST", path, question(next))
      await host.services.runner.settle()
      let chats = host.services.chats
      #expect(
        try await chats.turns(of: session).map(\.content) == ["say plum", "plum ", "say more", "more "])
      let kept = try await chats.attachments(of: session)
      #expect(kept.map(\.position) == [1, 2])
      #expect(kept.map { $0.blob != nil } == [true, false])
      var urls: [String?] = []
      for attachment in kept {
        let content = try await chats.content(of: attachment)
        urls.append(try ContentPart(attachment, content: content).value["image_url"]?["url"]?.string)
      }
      #expect(urls == [url, small])
      #expect(try StoredFiles.find(in: host.services.folders).blobs.count == 1)
    }
  }

  @Test("the file that it rests in shows nothing of it, nor that it is a database")
  func encrypted() async throws {
    try await serve { host, path, wire in
      _ = try await wire.ask("POST", path, chat("say marmalade"))
      await host.services.runner.settle()
      let file = DatabaseName.chatHistory.file(in: host.services.folders)
      for suffix in ["", "-wal"] {
        let data = try Data(contentsOf: URL(filePath: file.path + suffix))
        #expect(!data.isEmpty)
        #expect(data.firstRange(of: Data("marmalade".utf8)) == nil)
        #expect(data.firstRange(of: Data("SQLite".utf8)) == nil)
        #expect(data.firstRange(of: Data("CREATE".utf8)) == nil)
      }
    }
  }

  @Test("whoever wants nothing kept has nothing kept")
  func notKept() async throws {
    try await serve { host, path, wire in
      let session = UUID()
      let answer = try await wire.ask(
        "POST", path, chat("say plum"), headers: ["X-Persist: false", "X-Session-Id: \(session)"])
      #expect(StreamedAnswer(answer.text).text == "plum ")
      await host.services.runner.settle()
      #expect(try await host.services.chats.sessions().isEmpty)
    }
  }

  @Test("an answer that was cut is kept as cut")
  func cut() async throws {
    try await serve { host, path, wire in
      let session = UUID()
      _ = try await wire.ask("POST", path, chat("die one two"), headers: ["X-Session-Id: \(session)"])
      await host.services.runner.settle()
      #expect(
        try await host.turns(of: session) == ["user: die one two (complete)", "assistant: one two  (cut)"])
    }
  }

  @Test("when the caller goes away the model stops, and what was said is kept as cancelled")
  func cancelled() async throws {
    try await serve { host, path, wire in
      let session = UUID()
      let request = wire.bytes("POST", path, Array(chat("drone").utf8), ["X-Session-Id: \(session)"])
      let left = try await wire.connect { client in
        try await client.send(request)
        _ = try await client.read(until: "drone")
        return ContinuousClock.now
      }
      try await host.model.droneStopped.value()
      #expect(ContinuousClock.now - left < .promptly)
      await host.services.runner.settle()
      let turns = try await host.turns(of: session)
      #expect(turns.count == 2)
      #expect(turns.first == "user: drone (complete)")
      #expect(turns.last?.hasPrefix("assistant: drone ") == true)
      #expect(turns.last?.hasSuffix("(cancelled)") == true)
    }
  }

  @Test("a conversation with one agent cannot be gone on with by another")
  func otherAgents() async throws {
    try await WholeHost.serve { host, doors in
      let (ada, bob) = (try await host.agent("Ada"), try await host.agent("Bob"))
      let session = UUID()
      let named = ["X-Session-Id: \(session)"]
      let adas = doors.with(key: try await host.key(for: "Ada").text)
      _ = try await adas.ask("POST", "/agents/\(ada.id)/run", chat("say secret"), headers: named)
      let bobs = doors.with(key: try await host.key(for: "Bob").text)
      let answer = try await bobs.ask("POST", "/agents/\(bob.id)/run", chat("say what"), headers: named)
      #expect(answer.status == 404)
      #expect(answer.text == Self.notFound)
      await host.services.runner.settle()
      #expect(try await host.turns(of: session).count == 2)
      #expect(host.model.seen.withLock { $0.requests.count } == 1)
    }
  }

  private static let notFound =
    #"{"error":"session_not_found","message":"There is no such conversation with this agent."}"#

  @Test("a conversation cannot be gone on with by another key of the same agent, nor by the owner's")
  func otherKeys() async throws {
    try await WholeHost.serve { host, doors in
      let ada = try await host.agent("Ada")
      let path = "/agents/\(ada.id)/run"
      let keys = [
        try await host.key(for: "Ada").text, try await host.key(for: "Ada").text, try await host.key().text,
      ]
      let callers = [doors.control] + keys.map { doors.with(key: $0) }
      for (index, caller) in callers.enumerated() {
        let session = UUID()
        let named = ["X-Session-Id: \(session)"]
        #expect(try await caller.ask("POST", path, chat("say secret"), headers: named).status == 200)
        for (other, stranger) in callers.enumerated() where other != index {
          let refused = try await stranger.ask("POST", path, chat("say what"), headers: named)
          #expect(refused.status == 404)
          #expect(refused.text == Self.notFound)
          let more = chat("say what", more: #","session_id":"\#(session)""#)
          #expect(try await stranger.ask("POST", path, more).status == 404)
        }
        let again = try await caller.ask(
          "POST", path, chat("say secret", "secret ", "say on"), headers: named)
        #expect(StreamedAnswer(again.text).text == "on ")
        await host.services.runner.settle()
        #expect(try await host.turns(of: session).count == 4)
      }
    }
  }

  @Test("what the owner says on this machine is kept as a chat")
  func owners() async throws {
    try await WholeHost.serve { host, doors in
      let ada = try await host.agent("Ada")
      let session = UUID()
      let answer = try await doors.control.ask(
        "POST", "/agents/\(ada.id)/run", chat("say yes"), headers: ["X-Session-Id: \(session)"])
      #expect(StreamedAnswer(answer.text).text == "yes ")
      await host.services.runner.settle()
      #expect(try await host.services.chats.session(session)?.source == .chat)
    }
  }

  @Test("an agent is run through the channel, and what was said is kept like any other")
  func sealed() async throws {
    try await WholeHost.serve { host, doors in
      let ada = try await host.agent("Ada")
      let key = try await host.key(for: "Ada").text
      let client = try await SealedClient.open(
        with: try #require(ada.address), over: doors.tcp, now: Int64(Date().timeIntervalSince1970))
      let session = UUID()
      let answer = try await client.stream(
        "/agents/\(ada.id)/run", key: key, body: chat("say plum", more: #","session_id":"\#(session)""#))
      #expect(answer.isFinished)
      #expect(StreamedAnswer(answer.pieces.joined()).text == "plum ")
      #expect(!answer.outer.text.contains("plum"))
      await host.services.runner.settle()
      #expect(try await host.turns(of: session).count == 2)
    }
  }
}
