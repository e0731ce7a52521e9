public import SecretMemory

/// The environment of a command, made from nothing: a small core, what the owner allows, and the agent's secrets.
public struct SandboxEnvironment: Sendable {
  /// The variables besides the core, in the order of their names.
  public private(set) var variables: [String: String] = [:]
  private var secrets: [AgentSecret] = []

  public init() {}

  /// The bytes that it takes.
  var size: Int {
    variables.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count + 2 }
      + secrets.reduce(0) { $0 + $1.name.utf8.count + $1.count + 2 }
  }

  /// Sets a variable on purpose.
  /// - Throws: ``SandboxError/variableRefused(name:_:)``.
  public mutating func set(_ name: String, to value: String) throws(SandboxError) {
    if let refusal = Self.refusal(of: name, value) { throw .variableRefused(name: name, refusal) }
    variables[name] = value
  }

  /// Sets a variable of which is known that it may be.
  mutating func put(_ name: String, _ value: String) { variables[name] = value }

  /// Takes, of another environment, the variables that the owner named. What may not pass is left out and named.
  /// - Returns: the names that are left out.
  public mutating func take(_ names: [String], from environment: [String: String]) -> [String:
    VariableRefusal]
  {
    var refused: [String: VariableRefusal] = [:]
    for name in names {
      guard let value = environment[name] else { continue }
      if let refusal = Self.refusal(of: name, value) {
        refused[name] = refusal
      } else {
        variables[name] = value
      }
    }
    return refused
  }

  /// Gives a secret of the agent. It is hidden again in what the command says.
  /// - Throws: ``SandboxError/variableRefused(name:_:)``.
  public mutating func add(_ secret: AgentSecret) throws(SandboxError) {
    if let refusal = VariableRules.refusal(ofName: secret.name) {
      throw .variableRefused(name: secret.name, refusal)
    }
    guard secret.isText else { throw .variableRefused(name: secret.name, .malformedValue) }
    secrets.removeAll { $0.name == secret.name }
    secrets.append(secret)
  }

  /// What hides the secrets again in one stream.
  func scrubber(onTerminal: Bool) -> OutputScrubber { OutputScrubber(secrets, onTerminal: onTerminal) }

  func write(
    to plan: inout LaunchPlan, home: String, terminal: Bool, proxy: UInt16?, bridge: BridgePlaces?
  ) {
    let path = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
    var core = [
      "PATH": bridge == nil ? path : "\(BridgePlaces.programs):\(path)", "HOME": home,
      "SHELL": "/bin/sh",
      "USER": SystemFiles.user, "LOGNAME": SystemFiles.user, "TMPDIR": "/tmp", "LANG": "C.UTF-8",
      "TERM": terminal ? "xterm-256color" : "dumb", "OSAURUS_SANDBOX": "1",
    ]
    if let proxy {
      for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        // Programs look for the one spelling or for the other.
        for spelling in [name, name.lowercased()] { core[spelling] = "http://127.0.0.1:\(proxy)" }
      }
    }
    core.merge(bridge?.variables ?? [:]) { $1 }
    for (name, value) in core.merging(variables, uniquingKeysWith: { $1 }).sorted(by: { $0.key < $1.key }) {
      plan.add(variable: Array("\(name)=\(value)".utf8))
    }
    for secret in secrets { secret.withBytes { plan.add(variable: Array("\(secret.name)=".utf8) + $0) } }
  }

  private static func refusal(of name: String, _ value: String) -> VariableRefusal? {
    if let refusal = VariableRules.refusal(ofName: name) { return refusal }
    if value.utf8.contains(0) || value.utf8.count > 32 << 10 { return .malformedValue }
    if VariableRules.isSecret(name: name) { return .secretName }
    return VariableRules.looksLikeKey(value) ? .secretValue : nil
  }
}

/// A secret of an agent, which its commands find in their environment.
public final class AgentSecret: Sendable {
  /// The longest value, in bytes.
  public static let longest = 32 << 10

  public let name: String
  private let value: SecretBytes

  public init(name: String, value: consuming SecretBytes) {
    self.name = name
    self.value = value
  }

  /// Why no secret may have this name, if none may.
  public static func refusal(ofName name: String) -> VariableRefusal? { VariableRules.refusal(ofName: name) }

  var count: Int { value.count }

  /// Whether the value can be one of an environment variable.
  var isText: Bool {
    value.count <= Self.longest && value.withUnsafeBytes { bytes in !bytes.contains(0) }
  }

  public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    value.withUnsafeBytes { bytes in body(bytes) }
  }
}
