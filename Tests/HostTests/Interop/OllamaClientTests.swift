import Foundation
import Testing

@testable import Host

/// Ollama's own client for Python, as its makers publish it, which chats with a host at home through `connect proxy`.
@Suite(
  "Ollama's own client", .serialized, .timeLimit(.minutes(10)),
  .enabled(if: SecondWire.isInstalled, "run Tests/Interop/install"))
struct OllamaClientTests {
  @Test(
    "lists, chats, streams, generates, calls tools and is told of errors, by a model and by an agent",
    arguments: ["scripted/one", "agent/Ada"])
  func session(model: String) async throws {
    try await ServedProxy.run { proxy in
      let outcome = try await SecondWire.run(["http://127.0.0.1:\(proxy.port)", model], of: "ollama_session")
      #expect(outcome.status == 0, "\(outcome)")
      func told(_ kind: String) -> [String: Any] {
        outcome.lines.first { $0["kind"] as? String == kind } ?? [:]
      }
      #expect((told("list")["models"] as? [String])?.contains(model) == true)
      #expect(told("show")["family"] as? String == (model == "agent/Ada" ? "agent" : "tests"))
      #expect(told("chat")["text"] as? String == "one two ")
      #expect(told("chat")["done"] as? Bool == true && told("chat")["counted"] as? Int == 2)
      #expect(told("stream")["text"] as? String == "one two ")
      #expect(told("stream")["done"] as? [Bool] == [false, false, true])
      #expect(told("generate")["text"] as? String == "three ")
      #expect(told("generate stream")["text"] as? String == "three four ")
      #expect(told("tool")["name"] as? String == "look")
      #expect((told("tool")["arguments"] as? [String: Int]) == ["a": 1])
      #expect(told("tool answer")["text"] as? String == "saw 1 ")
      #expect(
        (told("broken")["text"] as? String)?.isEmpty == false
          && told("broken")["words"] as? String == "one two ")
      let refused = outcome.lines.filter { $0["kind"] as? String == "refused" }
      #expect(refused.count == 2, "\(outcome)")
      #expect(refused.allSatisfy { ($0["text"] as? String)?.isEmpty == false })
    }
  }
}
