import CSodium

/// libsodium has to be started once before its first call; starting it again does nothing.
enum Sodium {
  private static let started: Void = precondition(
    sodium_init() >= 0, "libsodium could not be started")

  static func start() { _ = started }
}
