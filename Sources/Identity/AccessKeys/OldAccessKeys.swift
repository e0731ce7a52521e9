/// What becomes of keys that were made before a host came to an identity, wherever that was.
public enum OldAccessKeys: String, CaseIterable, Codable, Sendable {
  /// None of them is taken.
  case shut
  /// Those that have not ended are good, revoked ones among them.
  case keep
}
