import AsyncHTTPClient

/// Finds the model servers that people run on their own machine, at the ports that these are known for. A server
/// that is not one (silence, garbage, too much of it) is passed over, and so is one that belongs to another
/// person: whoever listens would read every question. No key is ever sent.
struct LocalServers: Sendable {
  /// A program and the port that it is known for.
  struct Candidate: Sendable, Hashable {
    var name: String
    var port: UInt16

    static let known = [
      Candidate(name: "Ollama", port: 11434), Candidate(name: "LM Studio", port: 1234),
      Candidate(name: "llama.cpp", port: 8080), Candidate(name: "vLLM", port: 8000),
    ]
  }

  /// A server that answered, and what it offers.
  struct Found: Sendable {
    var provider: DetectedServer
    var models: [ModelDescription]
  }

  let client: HTTPClient
  var candidates = Candidate.known
  /// How long each may take to answer.
  var patience: Duration = .milliseconds(250)
  /// Whether the listener at a port may be trusted with questions.
  var mayTrust: @Sendable (UInt16) -> Bool = { ListeningSocket.isOwnOrSystem(port: $0) }

  /// Asks all candidates at once, and returns those that answered in the order of the list.
  func detect() async -> [Found] {
    await withTaskGroup(of: (Int, Found)?.self) { group in
      for (index, candidate) in candidates.enumerated() where mayTrust(candidate.port) {
        group.addTask {
          guard let url = try? ServerURL("http://127.0.0.1:\(candidate.port)/v1"),
            let probe = try? OpenAIProvider(
              name: candidate.name, url: url, client: client, patience: .init(list: patience)),
            let models = try? await probe.models(), !models.isEmpty,
            let server = try? OpenAIProvider(name: candidate.name, url: url, client: client)
          else { return nil }
          let provider = DetectedServer(server: server, port: candidate.port, mayTrust: mayTrust)
          return (index, Found(provider: provider, models: models))
        }
      }
      var found: [(Int, Found)] = []
      for await answer in group { if let answer { found.append(answer) } }
      return found.sorted { $0.0 < $1.0 }.map(\.1)
    }
  }
}
