/// Why a path that a model wrote is not taken.
public enum PathRefusal: Error, Hashable, Sendable {
  case empty
  case traversal
  case zeroByte
  case character(String)
  case outside

  /// The reason, in words that go back to the model.
  public var reason: String {
    switch self {
    case .empty: "path is empty"
    case .traversal: "path contains `..` (path traversal not allowed)"
    case .zeroByte: "path contains a NUL byte"
    case .character(let character): "path contains the disallowed character `\(character)`"
    case .outside: "absolute path is outside the agent home and `\(AgentPlaces.shared)`"
    }
  }
}

/// A path inside a sandbox, in a place that the agent may use: absolute, and of plain components. Whether there is a symbolic
/// link on the way is seen when it is opened (``SandboxFolder``).
public struct SandboxPath: Hashable, Sendable {
  /// What paths may name.
  public struct Reachable: Hashable, Sendable {
    public let home: String
    public let others: [String]

    public init(home: String, others: [String]) {
      self.home = home
      self.others = others
    }
  }

  /// The absolute path.
  public let text: String
  /// Which reachable folder it is in.
  public let root: String
  /// The way from there; empty for the folder itself.
  public let components: [String]

  /// Characters that mean something to a shell, and those that no name of a file has a reason for.
  private static func isRefused(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case ";", "|", "&", "$", "`", "(", ")", "{", "}", "'", "\"", "\\": true
    default: scalar.value < 0x20 || scalar.value == 0x7f
    }
  }

  private static func name(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case "\n": "newline"
    case "\r": "carriage return"
    case "\t": "tab"
    default: scalar.value < 0x20 || scalar.value == 0x7f ? "control character" : String(scalar)
    }
  }

  /// Takes what a model wrote, or says why not. Scalars are looked at one by one: what follows one cannot hide it.
  public init(_ text: String, in reachable: Reachable) throws(PathRefusal) {
    let scalars = text.unicodeScalars
    guard !scalars.isEmpty else { throw .empty }
    let bytes = Array(text.utf8)
    let dot = UInt8(ascii: ".")
    guard !zip(bytes, bytes.dropFirst()).contains(where: { $0 == dot && $1 == dot }) else { throw .traversal }
    guard !scalars.contains("\0") else { throw .zeroByte }
    if let refused = scalars.first(where: Self.isRefused) { throw .character(Self.name(refused)) }

    let slash = UInt8(ascii: "/")
    if bytes.first == slash {
      let components = Self.components(of: text)
      for root in [reachable.home] + reachable.others {
        guard Self.isInside(text, of: root) else { continue }
        self.init(root: root, components: Array(components.dropFirst(Self.components(of: root).count)))
        return
      }
      throw .outside
    }
    var way = Self.components(of: text)
    if bytes.first == UInt8(ascii: "~"), bytes.count == 1 || bytes[1] == slash { way.removeFirst() }
    self.init(root: reachable.home, components: way)
  }

  private init(root: String, components: [String]) {
    self.root = root
    self.components = components
    text = components.isEmpty ? root : root + "/" + components.joined(separator: "/")
  }

  /// The parts between slashes, without the empty ones and those that mean "here". Compared as bytes are.
  private static func components(of path: String) -> [String] {
    path.utf8.split(separator: UInt8(ascii: "/")).map { String(decoding: $0, as: UTF8.self) }.filter {
      $0 != "."
    }
  }

  /// Whether `path` is `folder` or in it, component by component.
  static func isInside(_ path: String, of folder: String) -> Bool {
    let inner = components(of: path).map { Array($0.utf8) }
    let outer = components(of: folder).map { Array($0.utf8) }
    return inner.count >= outer.count && Array(inner.prefix(outer.count)) == outer
  }
}
