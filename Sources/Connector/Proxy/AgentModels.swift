import Foundation
import Identity

/// A peer's agents, as models: for programs that ask for models and know of nothing else.
///
/// An agent is the model `agent/` and its name. With a key for one agent that agent is all there is, whatever model is
/// named; with one for the whole peer, only what begins with `agent/` is an agent.
actor AgentModels {
  /// An agent as a model.
  struct Agent: Hashable, Sendable {
    /// What it is called as a model.
    let model: String
    /// What the peer's routes call it: its id or its address.
    let path: String
    let created: Date?
    /// By what else it may be asked for, in lower case.
    fileprivate let names: Set<String>

    fileprivate func answers(to text: String) -> Bool { names.contains(text.lowercased()) }
  }

  private static let prefix = "agent/"
  /// How many are listed.
  private static let limit = 1000

  private let client: PeerClient
  private var known: [Agent] = []

  init(of client: PeerClient) { self.client = client }

  /// Whether the key is for one agent and nothing else.
  nonisolated var isForOneAgent: Bool { client.onlyAgent != nil }

  /// Who answers when this model is asked for, and whether with a model of its own.
  /// - Returns: nil where that is the model itself.
  /// - Throws: As ``PeerClient/send(_:_:body:)``.
  func agent(for model: String) async throws -> (agent: Agent, ownModel: Bool)? {
    if isForOneAgent {
      guard let only = try await only() else { return nil }
      return (only, model.isEmpty || model.lowercased() == "default" || only.answers(to: bare(model)))
    }
    guard model.lowercased().hasPrefix(Self.prefix) else { return nil }
    let name = bare(model)
    if let agent = known.first(where: { $0.answers(to: name) }) { return (agent, true) }
    return try await all().first { $0.answers(to: name) }.map { ($0, true) }
  }

  /// All agents that the key may ask, as they are now.
  /// - Throws: As ``PeerClient/send(_:_:body:)``.
  func all() async throws -> [Agent] {
    let answer = try await client.send("GET", "/agents", body: nil)
    let items = (try? JSONDecoder().decode(Listing.self, from: Data(answer.body)))?.agents ?? []
    known = Self.agents(
      answer.status == 200 ? items.filter { $0.isBuiltIn != true }.prefix(Self.limit).map(\.self) : [])
    if let only = client.onlyAgent { known = [Self.one(of: known, with: only, client.agentID)] }
    return known
  }

  /// Looks anew when somebody is asked for next.
  func forget() { known = [] }

  private func only() async throws -> Agent? {
    if let first = known.first { return first }
    return try await all().first
  }

  private func bare(_ model: String) -> String {
    model.lowercased().hasPrefix(Self.prefix) ? String(model.dropFirst(Self.prefix.count)) : model
  }

  // MARK: What the peer says

  private struct Listing: Decodable {
    let agents: [Item]
  }

  private struct Item: Decodable {
    let id: UUID
    let name: String
    var createdAt: String?
    var isBuiltIn: Bool?

    enum CodingKeys: String, CodingKey {
      case id, name
      case createdAt = "created_at"
      case isBuiltIn = "is_built_in"
    }
  }

  private static func agents(_ items: [Item]) -> [Agent] {
    let byName = Dictionary(grouping: items) { $0.name.lowercased() }
    return items.map { item in
      // Where two have one name, it names neither.
      let isAlone = byName[item.name.lowercased()]?.count == 1
      let names =
        isAlone
        ? [item.name.lowercased(), item.id.uuidString.lowercased()] : [item.id.uuidString.lowercased()]
      return Agent(
        model: prefix + (isAlone ? item.name : item.id.uuidString), path: item.id.uuidString,
        created: item.createdAt.flatMap { try? Date($0, strategy: .iso8601) }, names: Set(names))
    }
  }

  /// The one that a key is for. A peer that lists it among others, or not at all, is asked for it by what is known here.
  private static func one(of agents: [Agent], with address: Address, _ id: UUID?) -> Agent {
    let listed =
      id.map { id in agents.first { $0.path == id.uuidString } } ?? (agents.count == 1 ? agents[0] : nil)
    let path = listed?.path ?? id?.uuidString ?? address.checksummed
    let names = (listed?.names ?? []).union([path.lowercased(), address.lowercased])
    return Agent(model: listed?.model ?? prefix + path, path: path, created: listed?.created, names: names)
  }
}
