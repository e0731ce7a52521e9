import Foundation

/// Lists of models with agents among them, as OpenAI's clients and Ollama's read them. (spec/02, C13)
enum ModelListing: String, Sendable {
  case models = "/models"
  case tags = "/tags"

  /// The peer's list with its agents at the end; nil where what came is no list.
  func adding(_ agents: [AgentModels.Agent], to body: [UInt8]) -> [UInt8]? {
    guard var list = (try? JSONSerialization.jsonObject(with: Data(body))) as? [String: Any],
      let listed = list[member] as? [Any]
    else { return nil }
    list[member] = listed + agents.map { item($0) as Any }
    return Self.encoded(list)
  }

  /// A list of nothing but agents.
  func of(_ agents: [AgentModels.Agent]) -> [UInt8]? {
    var list: [String: Any] = [member: agents.map { item($0) }]
    if self == .models { list["object"] = "list" }
    return Self.encoded(list)
  }

  private var member: String {
    switch self {
    case .models: "data"
    case .tags: "models"
    }
  }

  private func item(_ agent: AgentModels.Agent) -> [String: Any] {
    let created = agent.created ?? Date(timeIntervalSince1970: 0)
    switch self {
    case .models:
      return [
        "id": agent.model, "object": "model", "created": Int(created.timeIntervalSince1970),
        "owned_by": "agent",
        "root": agent.model,
      ]
    case .tags:
      return [
        "name": agent.model, "model": agent.model, "modified_at": created.formatted(.iso8601), "size": 0,
        "digest": "", "details": Self.details,
      ]
    }
  }

  /// What Ollama's `/show` tells of an agent.
  static func description(of agent: AgentModels.Agent) -> [UInt8] {
    encoded([
      "modelfile": "", "parameters": "", "template": "", "details": details,
      "model_info": ["general.basename": agent.model],
    ]) ?? []
  }

  private static var details: [String: Any] {
    [
      "parent_model": "", "format": "", "family": "agent", "families": ["agent"], "parameter_size": "",
      "quantization_level": "",
    ]
  }

  private static func encoded(_ list: [String: Any]) -> [UInt8]? {
    (try? JSONSerialization.data(withJSONObject: list, options: [.sortedKeys, .withoutEscapingSlashes]))
      .map { [UInt8]($0) }
  }
}
