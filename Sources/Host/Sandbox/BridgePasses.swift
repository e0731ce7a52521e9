import Crypto
import Foundation
import Identity
import Sandbox
import SecretMemory
import Synchronization

/// A command that runs in a sandbox, as its host knows it: by the pass that it was given.
struct SandboxExecution: Hashable, Sendable {
  let id: UUID
  let agent: UUID
  /// The tools that it may call, by their exact names.
  var tools: Set<String> = []
  /// The plugin whose command it is; nobody but the host says so.
  var plugin: String?
  /// The secrets that it may ask for, by their names; nil for all of its agent's.
  var secrets: Set<String>?
  /// Whether it may have models work for it.
  var mayInfer = true
  /// Those that it called.
  var called = CalledTools()

  /// Who calls, when it does.
  var origin: ToolOrigin { plugin.map(ToolOrigin.plugin) ?? .bridge }
}

/// The passes of all commands that run. Of each only a digest is kept; it goes when the command ends, and all go with the service.
final class BridgePasses: Sendable {
  /// How many one agent has at a time.
  static let most = 64

  private struct Entry {
    let digest: [UInt8]
    let execution: SandboxExecution
    /// Told when the pass is taken back for another reason than that its command ended.
    let cut: @Sendable () -> Void
  }

  private struct State {
    var isOpen = false
    var entries: [UUID: [Entry]] = [:]
  }

  private let state = Mutex(State())
  private let whenOver: @Sendable (SandboxExecution) -> Void

  /// - Parameter whenOver: told of each command that has ended.
  init(whenOver: @escaping @Sendable (SandboxExecution) -> Void = { _ in }) { self.whenOver = whenOver }

  /// How many there are of an agent.
  func count(of agent: UUID) -> Int { state.withLock { $0.entries[agent]?.count ?? 0 } }

  /// Gives passes out from now on.
  func open() { state.withLock { $0.isOpen = true } }

  /// Makes a pass for one command of an agent.
  /// - Parameter cut: called when it is taken back while it is in use.
  /// - Throws: ``SandboxError/notStarted(_:)``.
  func make(
    for agent: UUID, _ calls: HostCalls = HostCalls(), cut: @escaping @Sendable () -> Void = {}
  ) throws(SandboxError) -> BridgePass {
    let token = SecretBytes.random(count: 32).withUnsafeBytes { raw in
      SecretBytes(count: Base64URL.encodedCount(raw.count)) { text in
        Base64URL.encode(raw, to: text.baseAddress!)
      }
    }
    let digest = token.withUnsafeBytes { Array(SHA256.hash(data: $0)) }
    let execution = SandboxExecution(
      id: UUID(), agent: agent, tools: calls.tools, plugin: calls.plugin, secrets: calls.secrets,
      mayInfer: calls.mayInfer, called: calls.called)
    let refusal: String? = state.withLock { state in
      guard state.isOpen else { return "the service is stopping" }
      guard state.entries[agent, default: []].count < Self.most else {
        return "too many commands of this agent have a way to the host"
      }
      state.entries[agent, default: []].append(Entry(digest: digest, execution: execution, cut: cut))
      return nil
    }
    if let refusal { throw .notStarted(refusal) }
    return BridgePass(token: token) { [weak self] in self?.end(execution) }
  }

  /// Whose pass it is that was shown at the socket of an agent; nil for none of that agent's. How long it takes does not tell how much
  /// of a token was right.
  func execution(showing token: some StringProtocol, at agent: UUID) -> SandboxExecution? {
    guard token.utf8.count == Base64URL.encodedCount(32) else { return nil }
    let shown = Array(SHA256.hash(data: Array(token.utf8)))
    let entries = state.withLock { $0.entries[agent] ?? [] }
    var found: SandboxExecution?
    for entry in entries {
      let isSame = entry.digest.withUnsafeBytes { kept in
        shown.withUnsafeBytes { ConstantTime.isEqual(kept, $0) }
      }
      if isSame { found = entry.execution }
    }
    return found
  }

  /// Whether a pass still holds.
  func holds(_ execution: SandboxExecution) -> Bool {
    state.withLock { $0.entries[execution.agent]?.contains { $0.execution.id == execution.id } ?? false }
  }

  /// Takes back all passes of an agent.
  func revokeAll(of agent: UUID) {
    let gone = state.withLock { $0.entries.removeValue(forKey: agent) ?? [] }
    for entry in gone { entry.cut() }
  }

  /// Takes back all passes, and gives no more.
  func close() {
    let gone = state.withLock { state in
      defer { state = State() }
      return state.entries.values.flatMap(\.self)
    }
    for entry in gone { entry.cut() }
  }

  private func end(_ execution: SandboxExecution) {
    state.withLock { state in
      state.entries[execution.agent]?.removeAll { $0.execution.id == execution.id }
      if state.entries[execution.agent]?.isEmpty == true { state.entries[execution.agent] = nil }
    }
    whenOver(execution)
  }
}
