import Foundation
public import SecretMemory
import Synchronization

/// A key that opens a sealed file. It cannot be printed.
final class SealingKey: Sendable {
  let bytes: SecretBytes

  init(_ bytes: consuming SecretBytes) { self.bytes = bytes }
}

/// Where the key of a sealed file comes from.
protocol SealingKeySource: Sendable {
  /// What `lock` opens with. It may be asked for this many times, until it is right.
  var attempts: Int { get }

  /// The key for a lock that is there.
  func key(for lock: SealedKeyFile.Lock, path: String) throws(KeyringError) -> SealingKey

  /// A new lock, and its key.
  func make() throws(KeyringError) -> (SealedKeyFile.Lock, SealingKey)

  /// Called when the file is gone, with the lock that it had.
  func discard(_ lock: SealedKeyFile.Lock) throws(KeyringError)
}

/// A file whose items are sealed under a key that is not in it: from a passphrase, or from a systemd credential. The
/// names of the items are in the clear.
///
/// The file is replaced as a whole, and goes with its last item. What opened it is remembered, in guarded memory, until
/// the process ends, so that nobody is asked twice.
public struct SealedKeyStore: KeyStore {
  /// The largest file, in bytes, and what its items may be at most before they are sealed.
  static let limit = 2 * 1024 * 1024
  static let contentLimit = 1024 * 1024

  /// The keys of files that were opened by this process.
  private static let opened = Mutex<[String: [SealedKeyFile.Lock: SealingKey]]>([:])

  public let kind: KeyStoreKind
  let file: URL
  private let source: any SealingKeySource

  init(kind: KeyStoreKind, file: URL, source: any SealingKeySource) {
    self.kind = kind
    self.file = file
    self.source = source
  }

  public func store(_ secret: borrowing SecretBytes, as item: KeyItem) throws(KeyringError) {
    try secret.withUnsafeBytes { bytes throws(KeyringError) in
      try change(item.name, to: bytes)
    }
  }

  public func load(_ item: KeyItem) throws(KeyringError) -> SecretBytes? {
    guard let sealed = try read(), sealed.names.contains(item.name) else { return nil }
    guard let secret = try open(sealed).content.secret(named: item.name) else {
      throw .malformed(path: file.path)
    }
    return secret
  }

  public func remove(_ item: KeyItem) throws(KeyringError) {
    guard try names().contains(item.name) else { return }
    try change(item.name, to: nil)
  }

  public func names() throws(KeyringError) -> [String] { try read()?.names ?? [] }

  /// Forgets what opened the file, as when the process ends.
  package func forgetKey() { _ = Self.opened.withLock { $0.removeValue(forKey: file.path) } }

  private func read() throws(KeyringError) -> SealedKeyFile? {
    guard let json = try PrivateFile.read(file, limit: Self.limit) else { return nil }
    return try SealedKeyFile(json: json, path: file.path)
  }

  /// Opens the box with the key that is known, or asks for it. Whoever comes in between waits for the answer.
  private func open(
    _ sealed: SealedKeyFile
  ) throws(KeyringError) -> (content: KeyFileContent, key: SealingKey) {
    try Self.opened.withLock { opened throws(KeyringError) in
      if let key = opened[file.path]?[sealed.lock], let content = sealed.open(with: key.bytes) {
        return (content, key)
      }
      for _ in 0..<source.attempts {
        let key = try source.key(for: sealed.lock, path: file.path)
        guard let content = sealed.open(with: key.bytes) else { continue }
        opened[file.path, default: [:]][sealed.lock] = key
        return (content, key)
      }
      throw .notOpened(path: file.path, kind: kind)
    }
  }

  /// Puts a secret under a name, or takes the name away, while no other process changes the file. A file that holds
  /// nothing any more is removed.
  private func change(_ name: String, to secret: UnsafeRawBufferPointer?) throws(KeyringError) {
    try PrivateFile.makeFolder(file.deletingLastPathComponent())
    // A person is asked before anybody has to wait for the lock.
    var new: (lock: SealedKeyFile.Lock, key: SealingKey)?
    if let sealed = try read() { _ = try open(sealed) } else { new = try source.make() }
    let fileLock = try FileLock(waitingFor: file.appendingPathExtension("lock"))
    defer { withExtendedLifetime(fileLock) {} }
    let content: KeyFileContent
    let (lock, key): (SealedKeyFile.Lock, SealingKey)
    if let sealed = try read() {
      let opened = try open(sealed)
      (content, lock, key) = (opened.content, sealed.lock, opened.key)
    } else {
      content = KeyFileContent()
      (lock, key) = if let new { new } else { try source.make() }
    }
    var names = Set(content.names)
    if secret == nil { names.remove(name) } else { names.insert(name) }
    guard !names.isEmpty else {
      try PrivateFile.remove(file)
      return try source.discard(lock)
    }
    var text = content.text(replacing: name, with: secret)
    defer { wipe(&text) }
    guard text.count <= Self.contentLimit else {
      throw .file(path: file.path, reason: "would be larger than \(Self.contentLimit) bytes")
    }
    let sealed = SealedKeyFile(text, names: Array(names), lock: lock, key: key.bytes)
    try PrivateFile.replace(file, with: sealed.json)
    Self.opened.withLock { $0[file.path, default: [:]][lock] = key }
  }
}
