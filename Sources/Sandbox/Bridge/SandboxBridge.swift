public import SecretMemory
import Synchronization

/// The way from an agent's commands to their host: a Unix socket that only its sandboxes see, and a pass for each command.
public struct SandboxBridge: Sendable {
  /// The socket on this machine.
  public let socket: String
  /// Lets one command in.
  let admit: @Sendable (HostCalls) throws(SandboxError) -> BridgePass

  /// - Parameters:
  ///   - socket: the agent's socket on this machine.
  ///   - admit: makes a pass for one command.
  public init(socket: String, admit: @escaping @Sendable (HostCalls) throws(SandboxError) -> BridgePass) {
    self.socket = socket
    self.admit = admit
  }
}

/// What one command may ask of its host besides what every command of its agent may.
public struct HostCalls: Hashable, Sendable {
  /// The tools that it may call, by their exact names. None, unless it is said.
  public var tools: Set<String>
  /// The plugin whose command it is.
  public var plugin: String?
  /// The names of the secrets that it may ask for; nil for all that its agent has.
  public var secrets: Set<String>?
  /// Whether it may have models work for it.
  public var mayInfer: Bool
  /// Those that it calls, from when it has a pass.
  public let called = CalledTools()

  public init(
    tools: Set<String> = [], plugin: String? = nil, secrets: Set<String>? = nil, mayInfer: Bool = true
  ) {
    self.tools = tools
    self.plugin = plugin
    self.secrets = secrets
    self.mayInfer = mayInfer
  }
}

/// The tools that one command called, by their names.
public final class CalledTools: Sendable, Hashable {
  private let all = Mutex<Set<String>>([])

  public init() {}

  public func note(_ tool: String) { all.withLock { _ = $0.insert(tool) } }

  /// In order.
  public var names: [String] { all.withLock { $0.sorted() } }

  public static func == (one: CalledTools, other: CalledTools) -> Bool { one === other }

  public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

/// What one command proves itself with to its host. It holds until the command ends, whatever becomes of its text.
public final class BridgePass: Sendable {
  private let token: SecretBytes
  private let whenOver: Mutex<(@Sendable () -> Void)?>

  /// - Parameters:
  ///   - token: what the command finds in its file.
  ///   - whenOver: takes it back; called once.
  public init(token: consuming SecretBytes, whenOver: @escaping @Sendable () -> Void) {
    self.token = token
    self.whenOver = Mutex(whenOver)
  }

  deinit { revoke() }

  /// Takes it back.
  public func revoke() {
    let over = whenOver.withLock { whenOver in
      defer { whenOver = nil }
      return whenOver
    }
    over?()
  }

  /// Lends the token.
  public func withToken<Result>(_ body: (borrowing SecretBytes) -> Result) -> Result { body(token) }

  /// What the command's file has.
  func tokenBytes() -> [UInt8] { token.withUnsafeBytes { Array($0) } }
}
