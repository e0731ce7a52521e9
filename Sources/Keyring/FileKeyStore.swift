public import Foundation
public import SecretMemory

/// A file that only its owner may open. It keeps other users of the machine out, and nobody else: see
/// ``plainWords``.
public struct FileKeyStore: KeyStore {
  /// What a person has to know who keeps keys this way.
  public static let plainWords = """
    The keys rest in a file that only your user may open. It does not protect them from a program that runs as \
    you, from root, from a stolen disk that is not encrypted, or from a backup that others can read.
    """

  /// The largest file, in bytes.
  static let limit = 1024 * 1024

  public let kind = KeyStoreKind.file
  private let file: URL

  public init(file: URL) { self.file = file }

  public func store(_ secret: borrowing SecretBytes, as item: KeyItem) throws(KeyringError) {
    try secret.withUnsafeBytes { bytes throws(KeyringError) in
      try change { $0.text(replacing: item.name, with: bytes) }
    }
  }

  public func load(_ item: KeyItem) throws(KeyringError) -> SecretBytes? {
    guard let content = try content(), content.names.contains(item.name) else { return nil }
    guard let secret = content.secret(named: item.name) else { throw .malformed(path: file.path) }
    return secret
  }

  public func remove(_ item: KeyItem) throws(KeyringError) {
    try change { $0.names.contains(item.name) ? $0.text(replacing: item.name, with: nil) : nil }
  }

  /// Whether something is kept under a name, which is not decoded.
  public func contains(_ item: KeyItem) throws(KeyringError) -> Bool {
    try content()?.names.contains(item.name) ?? false
  }

  public func names() throws(KeyringError) -> [String] { try content().map { Array($0.names) } ?? [] }

  private func content() throws(KeyringError) -> KeyFileContent? {
    guard var bytes = try PrivateFile.read(file, limit: Self.limit) else { return nil }
    guard let content = KeyFileContent(taking: &bytes) else { throw .malformed(path: file.path) }
    return content
  }

  /// Reads the file and replaces it by what `body` makes of it, if anything, while no other process does.
  private func change(_ body: (KeyFileContent) -> [UInt8]?) throws(KeyringError) {
    try PrivateFile.makeFolder(file.deletingLastPathComponent())
    let lock = try FileLock(waitingFor: file.appendingPathExtension("lock"))
    defer { withExtendedLifetime(lock) {} }
    guard var bytes = body(try content() ?? KeyFileContent()) else { return }
    defer { wipe(&bytes) }
    guard bytes.count <= Self.limit else {
      throw .file(path: file.path, reason: "would be larger than \(Self.limit) bytes")
    }
    try PrivateFile.replace(file, with: bytes)
  }
}
