import Foundation
import Sandbox
import SecretMemory
import Stores

extension AgentSandboxes {
  /// The tools of an agent's sandbox, as the owner's settings and this host's root image are now. Where a service runs, the owner is
  /// asked for what a call needs; without one there is nobody to ask, and nobody but the owner who could call.
  /// - Throws: ``HostError/sandboxesClosed``, `SandboxError`, and what keeps the settings from being read.
  func tools(
    of agent: UUID, origin: ToolOrigin = .agent, asksOwner: Bool = true
  ) async throws -> SandboxTools {
    let sandbox = try await sandbox(of: agent, origin: origin)
    let gate: any ToolGate =
      isServed && asksOwner ? DeskGate(desk, for: agent, in: sandbox.profile) : OpenGate()
    var context = ToolContext(
      agent: agent, launcher: sandbox.launcher, sessions: sessions, gate: gate,
      audit: AgentToolAudit(log: audit))
    context.secrets = AgentToolSecrets(agent: agent, store: secretStore)
    context.plugins = plugins.tools(of: agent, mayCreate: sandbox.settings.mayCreatePlugins)
    if let most = sandbox.settings.commandsPerTurn { context.commandsPerTurn = most }
    context.allowsBackground = sandbox.settings.allowsBackground
    return SandboxTools(context, try toolState(of: agent))
  }

  /// Calls a tool of an agent. Whatever happens is in the answer, and in the audit.
  /// - Parameter arguments: JSON.
  func call(
    _ tool: String, with arguments: Data, of agent: UUID, origin: ToolOrigin
  ) async -> ToolEnvelope {
    do {
      let tools = try await tools(of: agent, origin: origin)
      return await tools.call(tool, arguments: try ToolValue(json: arguments), origin: origin)
    } catch {
      let words =
        (error as? SandboxError)?.refusalWords ?? (error as? ToolFailure)?.kind.rawValue ?? "unavailable"
      audit.note(.refused(AgentToolAudit.origin(origin), agent: agent, code: nil, reason: words))
      guard case HostError.sandboxesClosed = error else { return .failure(ToolFailure(error)) }
      return .failure(ToolFailure(.unavailable, "The service is stopping.", isRetryable: false))
    }
  }
}

extension AgentSandboxes: SandboxToolbox {
  func call(_ tool: String, arguments: Data, by execution: SandboxExecution) async throws -> Data? {
    let envelope = await call(tool, with: arguments, of: execution.agent, origin: execution.origin)
    if case .failure(let failure) = envelope, failure.kind == .toolNotFound { return nil }
    return Data(envelope.json(tool: tool).utf8)
  }
}

/// Where the tools of one agent find its secrets, and keep them.
struct AgentToolSecrets: ToolSecrets {
  let agent: UUID
  let store: AgentSecretStore

  func names() async throws -> [String] { try await store.names(agent: agent) }

  func all() async throws -> [AgentSecret] {
    try await store.all(agent: agent).map { name, value in
      var value = value
      return AgentSecret(name: name, value: SecretBytes(taking: &value))
    }
  }

  func set(_ secret: AgentSecret, description: String, instructions: String) async throws {
    do {
      try await store.set(secret.name, to: secret.withBytes { Array($0) }, agent: agent)
    } catch let error as StoresError where error == .tooManySecrets {
      throw ToolFailure(.unavailable, error.description, field: "key", isRetryable: false)
    }
  }
}
