import Foundation
import SecretMemory
import Synchronization
import Testing

@testable import Sandbox

/// An agent's tools on a ground of their own, and what they told.
final class ToolGround {
  let ground: Ground
  let told: ToldEvents
  let tools: SandboxTools
  let context: ToolContext

  init(
    secrets: [String: String] = [:], gate: (Ground) -> any ToolGate = { _ in OpenGate() },
    audit: (any ToolAudit)? = nil,
    change: (inout SandboxProfile) throws -> Void = { _ in }
  ) throws {
    ground = try Ground()
    try change(&ground.profile)
    told = ToldEvents()
    var context = ToolContext(
      agent: ground.agent, launcher: try ground.launcher(), sessions: CommandSessions(), gate: gate(ground),
      audit: audit ?? told)
    context.secrets = HeldSecrets(secrets)
    context.commandsPerTurn = 100
    self.context = context
    tools = SandboxTools(context)
    try ground.profile.places.prepare()
  }

  var home: URL { ground.home }
  var place: String { ground.profile.places.home }

  func call(_ name: String, _ arguments: ToolValue) async -> ToolEnvelope {
    let envelope = await tools.call(name, arguments: arguments)
    // The sandbox stays for as long as a call takes.
    return withExtendedLifetime(ground) { envelope }
  }

  /// The result of a call that has to succeed.
  func result(_ name: String, _ arguments: ToolValue) async throws -> ToolValue {
    switch await call(name, arguments) {
    case .success(let result, _): return result
    case .failure(let failure): throw failure
    }
  }

  /// The failure of a call that has to fail.
  func failure(_ name: String, _ arguments: ToolValue) async throws -> ToolFailure {
    guard case .failure(let failure) = await call(name, arguments) else { throw Unexpected() }
    return failure
  }

  func put(_ text: String, at path: String) throws {
    let file = home.appending(path: path)
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: file)
  }

  func text(_ path: String) -> String? {
    (try? Data(contentsOf: home.appending(path: path))).map { String(decoding: $0, as: UTF8.self) }
  }

  /// The names in the home, but for those of the sandbox's own.
  func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: home.path).sorted() }
}

struct Unexpected: Error {}

/// Keeps what tools tell.
final class ToldEvents: ToolAudit {
  private let events = Mutex<[ToolEvent]>([])

  func record(_ event: ToolEvent) -> Int64 {
    events.withLock {
      $0.append(event)
      return Int64($0.count)
    }
  }

  var all: [ToolEvent] { events.withLock { $0 } }

  /// Each as a word or two.
  var words: [String] {
    all.map { event in
      switch event.step {
      case .begun: "begun"
      case .ended(_, let outcome, let code, _, _): "ended \(outcome.rawValue) \(code)"
      case .refused(let reason): "refused \(reason)"
      case .called(let outcome, _): "called \(outcome.rawValue)"
      }
    }
  }
}

/// Secrets in memory.
final class HeldSecrets: ToolSecrets {
  private let values: Mutex<[String: String]>

  init(_ values: [String: String]) { self.values = Mutex(values) }

  func names() -> [String] { values.withLock { $0.keys.sorted() } }

  func all() -> [AgentSecret] {
    values.withLock { $0.map { AgentSecret(name: $0.key, text: $0.value) } }
  }

  func set(_ secret: AgentSecret, description: String, instructions: String) {
    let text = secret.withBytes { String(decoding: $0, as: UTF8.self) }
    values.withLock { $0[secret.name] = text }
  }
}
