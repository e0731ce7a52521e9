import CSodium
public import SecretMemory

/// What turning a passphrase into a key costs: Argon2id 1.3 on one lane, as libsodium's `crypto_pwhash` computes it.
/// (RFC 9106)
public struct Argon2Parameters: Hashable, Sendable {
  /// The bytes of the key that comes out.
  public static let keySize = 32
  /// The bytes of a salt.
  public static let saltSize = Int(crypto_pwhash_SALTBYTES)
  private static let mebibyte = 1024 * 1024
  /// The least and the most memory, in bytes: a file says how much, and may be a hostile one.
  static let memoryLimits = 64 * mebibyte...1024 * mebibyte
  /// The most passes over the memory, and the most bytes that all passes together go over.
  static let maxOperations = 64
  static let maxWork = 4096 * mebibyte

  /// How often the memory is gone over.
  public let operations: Int
  /// The bytes of memory.
  public let memory: Int

  /// Takes what is neither too little to be safe nor more than a file may ask for; nil for anything else.
  public init?(operations: Int, memory: Int) {
    guard (1...Self.maxOperations).contains(operations), Self.memoryLimits.contains(memory),
      memory.isMultiple(of: 1024), operations * memory <= Self.maxWork
    else { return nil }
    self.operations = operations
    self.memory = memory
  }

  private init(passes: Int, mebibytes: Int) {
    operations = passes
    memory = mebibytes * Self.mebibyte
  }

  /// The least that is used for something new: 64 MiB, three times over.
  public static let least = Argon2Parameters(passes: 3, mebibytes: 64)

  /// Parameters that take about half a second on this machine, and never less than ``least``.
  /// - Throws: ``KeyringError/notEnoughMemory(mebibytes:)``.
  public static func measured() throws(KeyringError) -> Argon2Parameters {
    let sample = Argon2Parameters(passes: 1, mebibytes: 64)
    let started = ContinuousClock.now
    _ = try sample.key(for: .sample, salt: RandomBytes.make(saltSize))
    let passes = Duration.milliseconds(500) / max(ContinuousClock.now - started, .milliseconds(1))
    // In units of 64 MiB; four of them are 256 MiB.
    let affordable = Int(min(passes, 64))
    return affordable < 8
      ? Argon2Parameters(passes: max(3, affordable), mebibytes: 64)
      : Argon2Parameters(passes: affordable / 4, mebibytes: 256)
  }

  /// The 32 bytes that a passphrase gives with a salt of ``saltSize`` bytes.
  /// - Throws: ``KeyringError/notEnoughMemory(mebibytes:)``.
  public func key(
    for passphrase: borrowing Passphrase, salt: [UInt8]
  ) throws(KeyringError) -> SecretBytes {
    precondition(salt.count == Self.saltSize)
    return try passphrase.bytes.withUnsafeBytes { passphrase throws(KeyringError) in
      try SecretBytes(count: Self.keySize) { key throws(KeyringError) in
        let status = crypto_pwhash(
          key.baseAddress!.assumingMemoryBound(to: UInt8.self), UInt64(key.count),
          passphrase.baseAddress!.assumingMemoryBound(to: CChar.self), UInt64(passphrase.count), salt,
          UInt64(operations), memory, crypto_pwhash_ALG_ARGON2ID13)
        guard status == 0 else { throw .notEnoughMemory(mebibytes: memory / Self.mebibyte) }
      }
    }
  }
}
