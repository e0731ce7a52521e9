import Foundation
import Testing

@testable import Host

@Suite("Models and embeddings, over TCP", .serialized, .timeLimit(.minutes(10)))
struct ModelRoutesTests {
  @Test("models are listed as OpenAI does, under every prefix")
  func models() async throws {
    try await WholeHost.serve { host, doors in
      let wire = doors.with(key: try await host.key().text)
      for path in ["/models", "/v1/models", "/api/models", "/v1/api/models"] {
        let answer = try await wire.ask("GET", path)
        #expect(answer.status == 200)
        #expect(
          answer.text == """
            {"data":[{"created":1,"id":"scripted/one","object":"model","owned_by":"tests",\
            "root":"scripted/one"}],"object":"list"}
            """)
      }
      #expect(try await wire.ask("GET", "/api/v1/models").status == 404)
    }
  }

  @Test("models are listed as Ollama does")
  func tags() async throws {
    try await WholeHost.serve { host, doors in
      let wire = doors.with(key: try await host.key().text)
      let answer = try await wire.ask("GET", "/api/tags")
      let models = try #require(answer.json["models"] as? [[String: Any]])
      let model = try #require(models.first)
      #expect(models.count == 1)
      #expect(model.keys.sorted() == ["details", "digest", "model", "modified_at", "name", "size"])
      #expect(model["name"] as? String == "scripted/one")
      #expect(model["model"] as? String == "scripted/one")
      #expect(model["modified_at"] as? String == "1970-01-01T00:00:01Z")
      #expect(model["size"] as? Int == 0)
      let details = try #require(model["details"] as? [String: Any])
      #expect(
        Set(details.keys).isSubset(of: [
          "parent_model", "format", "family", "families", "parameter_size", "quantization_level",
        ]))
      #expect(details["family"] as? String == "tests")
    }
  }

  @Test("a stranger sees no model; an agent's key does")
  func keys() async throws {
    try await WholeHost.serve { host, doors in
      for path in ["/models", "/tags"] {
        let stranger = try await doors.tcp.ask("GET", path)
        #expect(stranger.status == 401)
        #expect(stranger.text.contains("No access keys configured. Create one in Osaurus settings."))
      }
      _ = try await host.agent("Ada")
      let wire = doors.with(key: try await host.key(for: "Ada").text)
      #expect(try await wire.ask("GET", "/models").status == 200)
      #expect(try await doors.tcp.ask("GET", "/models").text.contains("Unrecognized token format"))
    }
  }

  @Test("embeddings come in the shape of OpenAI")
  func embeddings() async throws {
    try await WholeHost.serve { host, doors in
      let wire = doors.with(key: try await host.key().text)
      for input in [#""one""#, #"["one","two"]"#] {
        let answer = try await wire.ask(
          "POST", "/v1/embeddings", #"{"model":"scripted/one","input":\#(input)}"#)
        #expect(answer.status == 200)
        #expect(answer.json["object"] as? String == "list")
        #expect(answer.json["model"] as? String == "scripted/one")
        let data = try #require(answer.json["data"] as? [[String: Any]])
        #expect(data.first?["embedding"] as? [Double] == [0.5, -1])
        #expect(answer.json["usage"] != nil)
      }
      for body in ["", "{", "[]", #"{"model":"scripted/one"}"#, #"{"input":7}"#] {
        let answer = try await wire.ask("POST", "/embeddings", body)
        #expect(answer.status == 400)
        #expect(
          answer.text == #"{"error":{"message":"Invalid request format","type":"invalid_request_error"}}"#)
      }
      let unknown = try await wire.ask("POST", "/embeddings", #"{"model":"nobody","input":"x"}"#)
      #expect(unknown.status == 404)
    }
  }
}
