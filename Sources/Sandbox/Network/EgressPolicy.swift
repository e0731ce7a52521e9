/// Where a sandbox may connect to: hosts by their names, each with a port. There is nothing else that it reaches.
public struct EgressPolicy: Hashable, Sendable, CustomStringConvertible {
  /// How many hosts may be listed.
  public static let mostRules = 256

  /// One entry: a name, or all names below one.
  public struct Rule: Hashable, Sendable, CustomStringConvertible {
    let target: EgressTarget
    /// Whether it is about the names that end with this one, and not about this one.
    let isBelow: Bool

    public var description: String { isBelow ? "*.\(target)" : "\(target)" }

    /// Reads `name:port` or `*.name:port`.
    /// - Throws: ``SandboxError/targetRefused(_:reason:)``.
    public init(_ text: some StringProtocol) throws(SandboxError) {
      let isBelow = text.hasPrefix("*.")
      let shown = String(text.unicodeScalars.prefix(300).map { $0.isASCII ? Character($0) : "?" })
      guard text.utf8.contains(UInt8(ascii: ":")) else {
        throw .targetRefused(shown, reason: "say which port: \(shown.isEmpty ? "name" : shown):443")
      }
      do {
        target = try EgressTarget(isBelow ? text.dropFirst(2) : text[...])
      } catch {
        throw .targetRefused(shown, reason: error.sentence)
      }
      self.isBelow = isBelow
    }

    func permits(_ asked: EgressTarget) -> Bool {
      guard asked.port == target.port else { return false }
      return isBelow
        ? asked.host.description.hasSuffix(".\(target.host)") : asked.host == target.host
    }
  }

  /// The entries, in the order in which they were given.
  public let rules: [Rule]

  public var description: String { rules.map(\.description).joined(separator: ",") }

  /// - Throws: ``SandboxError/targetRefused(_:reason:)``, where there is none, or there are too many.
  public init(_ rules: [Rule]) throws(SandboxError) {
    guard !rules.isEmpty else { throw .targetRefused("", reason: "there is no host on the list") }
    guard rules.count <= Self.mostRules else {
      throw .targetRefused("\(rules[Self.mostRules])", reason: "at most \(Self.mostRules) hosts are listed")
    }
    self.rules = rules
  }

  /// Reads entries with commas between them.
  /// - Throws: ``SandboxError/targetRefused(_:reason:)``.
  public init(_ text: String) throws(SandboxError) {
    var rules: [Rule] = []
    for entry in text.split(separator: ",", maxSplits: Self.mostRules + 1, omittingEmptySubsequences: false) {
      rules.append(try Rule(entry))
    }
    try self.init(rules)
  }

  /// Whether a program may reach it.
  public func permits(_ target: EgressTarget) -> Bool { rules.contains { $0.permits(target) } }
}
