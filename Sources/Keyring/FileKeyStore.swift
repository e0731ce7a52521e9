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
    let text = secret.withUnsafeBytes { bytes in Data(bytes).base64EncodedString() }
    try change { $0[item.name] = text }
  }

  public func load(_ item: KeyItem) throws(KeyringError) -> SecretBytes? {
    guard let text = try items()[item.name] else { return nil }
    guard let data = Data(base64Encoded: text) else { throw .malformed(path: file.path) }
    var bytes = [UInt8](data)
    return SecretBytes(taking: &bytes)
  }

  public func remove(_ item: KeyItem) throws(KeyringError) {
    try change { $0[item.name] = nil }
  }

  private struct Content: Codable {
    var version = 1
    var items: [String: String] = [:]
  }

  private func items() throws(KeyringError) -> [String: String] {
    guard var bytes = try PrivateFile.read(file, limit: Self.limit) else { return [:] }
    defer { wipe(&bytes) }
    guard let content = try? JSONDecoder().decode(Content.self, from: Data(bytes)), content.version == 1
    else {
      throw .malformed(path: file.path)
    }
    return content.items
  }

  /// Reads, changes and replaces the file while no other process does.
  private func change(_ body: (inout [String: String]) -> Void) throws(KeyringError) {
    try PrivateFile.makeFolder(file.deletingLastPathComponent())
    let lock = try FileLock(waitingFor: file.appendingPathExtension("lock"))
    defer { withExtendedLifetime(lock) {} }
    var content = Content(items: try items())
    body(&content.items)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let encoded = try? encoder.encode(content) else { throw .malformed(path: file.path) }
    var bytes = [UInt8](encoded)
    defer { wipe(&bytes) }
    try PrivateFile.replace(file, with: bytes)
  }
}
