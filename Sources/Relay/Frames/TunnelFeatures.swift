/// What an end of a tunnel understands beyond version 1. The relay says so in its `challenge`, the host in its `auth`, as
/// `features`: an array of names. An end that says nothing understands none, and passes over the frames concerned.
public struct TunnelFeatures: OptionSet, Hashable, Sendable {
  public let rawValue: UInt8

  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// `base64`: a body or a piece of a stream that is not UTF-8 comes as base64, with `bodyEncoding`.
  public static let base64 = TunnelFeatures(rawValue: 1)
  /// `cancel`: the frame `cancel` ends a request (from the relay: the caller has gone) or an answer (from the host: it
  /// broke off).
  public static let cancel = TunnelFeatures(rawValue: 2)
  /// `flow`: the frames `pause` and `resume` hold a stream while its reader is slow.
  public static let flow = TunnelFeatures(rawValue: 4)
  /// `bound`: the nonces of challenges are bound to the name of the relay (``TunnelNonce/isBound(to:)``).
  public static let bound = TunnelFeatures(rawValue: 8)

  /// `window`: a request says how much of a stream may answer it before its caller has read, and the frame `window` says so
  /// again when it is more. (``StreamWindow``)
  public static let window = TunnelFeatures(rawValue: 16)

  private static let names: [(String, TunnelFeatures)] = [
    ("base64", .base64), ("bound", .bound), ("cancel", .cancel), ("flow", .flow), ("window", .window),
  ]

  /// The names of these features, in ascending order.
  public var names: [String] { Self.names.filter { contains($0.1) }.map(\.0) }

  /// Adds the feature of this name, if it is known.
  mutating func insert(named name: String) {
    if let feature = Self.names.first(where: { $0.0 == name }) { insert(feature.1) }
  }
}
