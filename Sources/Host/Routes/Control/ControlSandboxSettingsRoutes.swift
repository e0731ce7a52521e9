import Foundation
import HTTPTypes
import Hummingbird
import Sandbox
import Stores

/// What the owner says of an agent's sandbox. It holds from the agent's next command on.
struct ControlSandboxSettingsRoutes: RouteGroup {
  /// How many folders an agent is granted at most.
  static let mostWorkspaces = 64

  let agents: AgentStore
  let sandboxes: AgentSandboxes

  func register(on routes: inout Routes) {
    let agent = "/control/sandbox/agents/{agent}"
    routes.on(.get, "\(agent)/settings", .administration, use: show)
    routes.on(.put, "\(agent)/settings", .administration, use: change)
    routes.on(.post, "\(agent)/workspaces", .administration, use: grant)
    routes.on(.delete, "\(agent)/workspaces/{name}", .administration, use: takeBack)
  }

  private struct Grant: Decodable {
    /// An absolute path.
    let folder: String
    /// What it is called inside; by default as it is called here.
    var name: String?
    let isWritable: Bool
  }

  private func show(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      let agent = try await agents.find(reference: context.decoded("agent"))
      return try .json(
        ControlSandboxSettings(agent, try await sandboxes.settings.settings(of: agent.id)))
    }
  }

  private func change(_ request: Request, _ context: HostContext) async throws -> Response {
    guard let order = try await request.decoded(ControlSandboxOrder.self) else {
      return ControlFailure.malformed.response
    }
    return try await settle(context) { settings, _ in try order.apply(to: &settings) }
  }

  private func grant(_ request: Request, _ context: HostContext) async throws -> Response {
    guard let order = try await request.decoded(Grant.self) else { return ControlFailure.malformed.response }
    return try await settle(context) { settings, places in
      let grant = try WorkspaceGrant(folder: order.folder, name: order.name, isWritable: order.isWritable)
      // A folder that is granted already is granted anew.
      settings.workspaces.removeAll { $0.folder == grant.folder }
      guard settings.workspaces.count < Self.mostWorkspaces else {
        throw ControlFailure(
          status: .conflict, code: "too_many",
          message: "An agent has at most \(Self.mostWorkspaces) workspaces.")
      }
      var profile = SandboxProfile(places: places)
      profile.grants = [grant]
      for other in settings.workspaces {
        // One that is not there any more is in nobody's way.
        if let held = try? other.grant() { profile.grants.append(held) }
      }
      _ = try SandboxLauncher(profile: profile)
      guard !settings.workspaces.contains(where: { $0.name == grant.name }) else {
        throw ControlFailure(
          status: .conflict, code: "name_taken",
          message: "Another workspace is called '\(grant.name)'; choose a name with --name.")
      }
      settings.workspaces.append(
        .init(name: grant.name, folder: grant.folder, isWritable: grant.isWritable))
    }
  }

  private func takeBack(_ request: Request, _ context: HostContext) async throws -> Response {
    let name = context.decoded("name")
    return try await settle(context) { settings, _ in
      guard let index = settings.workspaces.firstIndex(where: { $0.name == name }) else {
        throw ControlFailure(
          status: .notFound, code: "workspace_not_found",
          message: "There is no workspace of that name; see 'osaurus-host sandbox settings'.")
      }
      settings.workspaces.remove(at: index)
    }
  }

  /// Changes what is said, all of it or nothing.
  private func settle(
    _ context: HostContext,
    _ change: @escaping @Sendable (inout SandboxSettings, AgentPlaces) throws -> Void
  ) async throws -> Response {
    try await ControlFailure.answering {
      let agent = try await agents.find(reference: context.decoded("agent"))
      let places = sandboxes.places(of: agent.id)
      do {
        let settings = try await sandboxes.settings.change(agent.id) { try change(&$0, places) }
        return try .json(ControlSandboxSettings(agent, settings))
      } catch let error as SandboxError {
        throw ControlFailure(error)
      }
    }
  }
}

/// The settings of an agent's sandbox, as the owner sees them.
struct ControlSandboxSettings: Codable, Sendable {
  let id: UUID
  let name: String
  let settings: SandboxSettings

  init(_ agent: AgentRecord, _ settings: SandboxSettings) {
    id = agent.id
    name = agent.name
    self.settings = settings
  }
}

/// What the owner wants otherwise. What is not named stays.
struct ControlSandboxOrder: Codable, Sendable {
  /// What can be as it is where nothing was said.
  enum Standard: String, Codable, CaseIterable {
    case memory, processes, processors, home, commandsPerTurn
  }

  var network: String?
  /// Bytes.
  var memory: Int64?
  var processes: Int64?
  var processors: Double?
  /// Bytes.
  var home: Int64?
  var commandsPerTurn: Int?
  var allowsBackground: Bool?
  var mayCreatePlugins: Bool?
  var waived: [String]?
  /// What is as it is where nothing was said, from now on.
  var reset: [Standard]?

  /// - Throws: ``ControlFailure`` or `SandboxError`.
  func apply(to settings: inout SandboxSettings) throws {
    func bounded<Number: Comparable>(
      _ value: Number?, _ range: ClosedRange<Number>, _ words: String
    ) throws -> Number? {
      guard let value else { return nil }
      guard range.contains(value) else { throw ControlFailure.invalid(words) }
      return value
    }
    for standard in reset ?? [] {
      switch standard {
      case .memory: settings.memory = nil
      case .processes: settings.processes = nil
      case .processors: settings.processors = nil
      case .home: settings.home = nil
      case .commandsPerTurn: settings.commandsPerTurn = nil
      }
    }
    if let network {
      let access = try NetworkAccess(network)
      // As it is understood, and not as it was spelt.
      settings.network = access.policy?.description ?? network
    }
    settings.memory =
      try bounded(memory, 16 << 20...1 << 50, "Memory is 16 MiB at least, and 1 PiB at most.")
      ?? settings.memory
    settings.processes =
      try bounded(processes, 2...1 << 20, "Processes are at least 2.") ?? settings.processes
    settings.processors =
      try bounded(processors, 0.01...10_000, "Processors are 0.01 to 10000.") ?? settings.processors
    settings.home =
      try bounded(home, 1 << 20...1 << 50, "A home has 1 MiB at least, and 1 PiB at most.") ?? settings.home
    settings.commandsPerTurn =
      try bounded(commandsPerTurn, 1...1000, "Commands in a turn are 1 to 1000.") ?? settings.commandsPerTurn
    settings.allowsBackground = allowsBackground ?? settings.allowsBackground
    settings.mayCreatePlugins = mayCreatePlugins ?? settings.mayCreatePlugins
    if let waived {
      for name in waived {
        guard let layer = IsolationLayer(rawValue: name), layer.isWaivable else {
          throw ControlFailure.invalid("Only landlock and systemCalls can be done without.")
        }
      }
      settings.waived = Set(waived).sorted()
    }
  }
}
