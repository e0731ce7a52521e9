import CSodium

/// Key material in libsodium's guarded memory: locked, surrounded by inaccessible pages, read-only once it
/// is filled, and wiped when the value goes. It cannot be copied by accident and never prints.
public struct SecretBytes: ~Copyable, @unchecked Sendable {
  // The pointer is owned by this value alone and its pages are read-only for as long as they are shared.
  private let base: UnsafeMutableRawPointer

  /// The number of bytes.
  public let count: Int

  /// Makes a secret of `count` bytes that `fill` writes. The memory is read-only from then on.
  public init<E: Error>(
    count: Int, _ fill: (UnsafeMutableRawBufferPointer) throws(E) -> Void
  ) throws(E) {
    precondition(sodium_init() >= 0, "libsodium could not be initialised")
    guard let memory = sodium_malloc(max(count, 1)) else { preconditionFailure("out of locked memory") }
    do {
      try fill(UnsafeMutableRawBufferPointer(start: memory, count: count))
    } catch {
      sodium_free(memory)
      throw error
    }
    sodium_mprotect_readonly(memory)
    self.base = memory
    self.count = count
  }

  deinit { sodium_free(base) }
}
