import CSodium

/// Key material in libsodium's guarded memory: locked, surrounded by inaccessible pages, read-only once it is
/// filled, and wiped when the value goes. It cannot be copied by accident and never prints.
///
/// Source: libsodium, "Secure memory" (`sodium_malloc`, `sodium_mprotect_readonly`, `sodium_free`).
public struct SecretBytes: ~Copyable, @unchecked Sendable {
  // Why unchecked: the pointer is owned by this value alone, and its pages are read-only from the end of the
  // initialiser on, so several threads may read them.
  private let base: UnsafeMutableRawPointer

  /// The number of bytes.
  public let count: Int

  /// Makes a secret of `count` bytes that `fill` writes. The memory is read-only from then on, and is wiped at
  /// once if `fill` throws.
  public init<E: Error>(
    count: Int, _ fill: (UnsafeMutableRawBufferPointer) throws(E) -> Void
  ) throws(E) {
    Sodium.start()
    guard let memory = sodium_malloc(max(count, 1)) else {
      preconditionFailure("the system gave no memory for a secret")
    }
    do throws(E) {
      try fill(UnsafeMutableRawBufferPointer(start: memory, count: count))
    } catch {
      sodium_free(memory)
      throw error
    }
    sodium_mprotect_readonly(memory)
    self.base = memory
    self.count = count
  }

  /// A secret with the bytes of `bytes`, which stay the caller's to wipe.
  public init(copying bytes: UnsafeRawBufferPointer) {
    self.init(count: bytes.count) { $0.copyMemory(from: bytes) }
  }

  /// A secret with the bytes of an array, which is wiped.
  public init(taking bytes: inout [UInt8]) {
    self.init(count: bytes.count) { buffer in
      bytes.withUnsafeBytes { buffer.copyMemory(from: $0) }
    }
    wipe(&bytes)
  }

  /// A secret of `count` bytes from the system's random generator.
  public static func random(count: Int) -> SecretBytes {
    SecretBytes(count: count) { randombytes_buf($0.baseAddress!, $0.count) }
  }

  deinit { sodium_free(base) }

  /// Lends the bytes to `body`. They must not be kept beyond it.
  public borrowing func withUnsafeBytes<R: ~Copyable, E: Error>(
    _ body: (UnsafeRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    try body(UnsafeRawBufferPointer(start: base, count: count))
  }

  /// Whether both secrets hold the same bytes, in a time that does not depend on what they are.
  public borrowing func isEqual(to other: borrowing SecretBytes) -> Bool {
    ConstantTime.isEqual(
      UnsafeRawBufferPointer(start: base, count: count),
      UnsafeRawBufferPointer(start: other.base, count: other.count))
  }

  /// A second secret with the same bytes: the one deliberate way to have two.
  public borrowing func copy() -> SecretBytes {
    SecretBytes(copying: UnsafeRawBufferPointer(start: base, count: count))
  }
}
