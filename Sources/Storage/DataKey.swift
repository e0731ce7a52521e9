import Crypto
public import Keyring
public import SecretMemory

/// The key that everything stored hangs on: 32 random bytes, from which every database gets a key of its own.
public final class DataKey: Sendable {
  /// The number of bytes.
  public static let byteCount = 32

  private let bytes: SecretBytes

  /// Takes exactly 32 bytes.
  /// - Throws: ``StorageError/malformedKey``.
  public init(_ bytes: consuming SecretBytes) throws(StorageError) {
    guard bytes.count == Self.byteCount else { throw .malformedKey }
    self.bytes = bytes
  }

  private init(random count: Int) { bytes = .random(count: count) }

  /// A new key from the system's random generator.
  public static func generate() -> DataKey { DataKey(random: byteCount) }

  /// The key of one database: HKDF-SHA256 of the data key with the info "osaurus-db-v1:" and the database's name
  /// (RFC 5869, no salt), 32 bytes.
  public func databaseKey(for database: DatabaseName) -> SecretBytes {
    bytes.withUnsafeBytes { Self.derive("osaurus-db-v1:\(database.rawValue)", from: $0) }
  }

  /// The key under which the list of key slots is sealed.
  var slotListKey: SecretBytes { bytes.withUnsafeBytes { Self.derive("osaurus-slots-v1:seal", from: $0) } }

  /// The key under which the journal of the exchange for this key is authenticated.
  var rotationKey: SecretBytes {
    bytes.withUnsafeBytes { Self.derive("osaurus-rotation-v1:journal", from: $0) }
  }

  /// Which of the data keys that a host has over time this is.
  public var generation: KeyGeneration {
    bytes.withUnsafeBytes { bytes in
      Self.derive("osaurus-data-key-v1:generation", from: bytes).withUnsafeBytes { derived in
        KeyGeneration(rawValue: Array(derived.prefix(KeyGeneration.byteCount)))!
      }
    }
  }

  /// The keys of sealed files.
  var sealedFileKeys: SealedFileKeys {
    bytes.withUnsafeBytes { bytes in
      SealedFileKeys(
        root: Self.derive("osaurus-osec-v1:root", from: bytes),
        naming: Self.derive("osaurus-osec-v1:name", from: bytes), generation: generation)
    }
  }

  /// HKDF-SHA256 without salt, 32 bytes.
  static func derive(_ info: String, from secret: UnsafeRawBufferPointer) -> SecretBytes {
    let derived = HKDF<SHA256>.deriveKey(
      inputKeyMaterial: SymmetricKey(data: secret), info: Array(info.utf8), outputByteCount: byteCount)
    return SecretBytes(count: byteCount) { target in
      derived.withUnsafeBytes { target.copyMemory(from: $0) }
    }
  }

  /// Lends the bytes to `body`, for wrapping them. They must not be kept beyond it.
  func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
    try bytes.withUnsafeBytes(body)
  }

  /// Whether both are the same key, in a time that does not depend on what they are.
  public func isEqual(to other: DataKey) -> Bool { bytes.isEqual(to: other.bytes) }

  /// Keeps the key in a key store.
  public func store(in keyStore: any KeyStore, as item: KeyItem = .dataKey) throws(KeyringError) {
    try keyStore.store(bytes, as: item)
  }

  /// The data key of a host: read from the key store or, where nothing is stored yet, made and kept there.
  /// - Throws: ``StorageError/keyMissingForExistingData`` where a database exists without a key, and
  ///   ``StorageError/file(_:)`` where the key store cannot be read. Neither is a reason to make a new key.
  public static func provision(
    in keyStore: any KeyStore, folders: HostFolders
  ) throws(StorageError) -> DataKey {
    do {
      if let bytes = try keyStore.load(.dataKey) { return try DataKey(bytes) }
    } catch let error as KeyringError {
      throw .file(error)
    } catch let error as StorageError {
      throw error
    } catch {
      throw .malformedKey
    }
    guard try !StoredFiles.areThere(in: folders) else { throw .keyMissingForExistingData }
    let key = DataKey.generate()
    do {
      try key.store(in: keyStore)
    } catch {
      throw .file(error)
    }
    return key
  }
}
