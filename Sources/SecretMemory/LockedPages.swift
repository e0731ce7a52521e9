#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Bytes in pages of their own that may grow and change: left out of core dumps, locked against swapping as far as
/// `RLIMIT_MEMLOCK` allows, and wiped when they go or shrink. For what would tell much and is too large for
/// ``SecretBytes``.
public struct LockedPages: ~Copyable, @unchecked Sendable {
  // Why unchecked: the pages are owned by this value alone, and change only through `mutating` calls.
  private var base: UnsafeMutableRawPointer?
  private var capacity = 0

  /// The number of bytes in use.
  public private(set) var count = 0

  /// Whether the system keeps all of them out of swap. Where it does not, its limit on locked memory is too low.
  public private(set) var isLocked = true

  public init() {}

  deinit { Self.release(base, capacity) }

  /// Makes room for `added` more bytes at the end and has `fill` write them.
  public mutating func append<E: Error>(
    _ added: Int, _ fill: (UnsafeMutableRawBufferPointer) throws(E) -> Void
  ) throws(E) {
    reserve(count + added)
    try fill(UnsafeMutableRawBufferPointer(start: base.map { $0 + count }, count: added))
    count += added
  }

  /// Wipes and gives up the last `removed` bytes.
  public mutating func removeLast(_ removed: Int) {
    precondition(removed <= count, "more bytes are given up than there are")
    count -= removed
    if let base { explicit_bzero(base + count, removed) }
  }

  /// Lends the bytes to `body`. They must not be kept beyond it.
  public borrowing func withUnsafeBytes<R, E: Error>(
    _ body: (UnsafeRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    try body(UnsafeRawBufferPointer(start: base, count: count))
  }

  /// Lends the bytes to `body`, to be changed in place.
  public mutating func withUnsafeMutableBytes<R, E: Error>(
    _ body: (UnsafeMutableRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    try body(UnsafeMutableRawBufferPointer(start: base, count: count))
  }

  private mutating func reserve(_ wanted: Int) {
    guard wanted > capacity else { return }
    let page = 4096
    let size = (max(wanted, 2 * capacity) + page - 1) / page * page
    let mapped = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let mapped, mapped != MAP_FAILED else { preconditionFailure("the system gave no memory") }
    _ = madvise(mapped, size, MADV_DONTDUMP)
    isLocked = mlock(mapped, size) == 0
    if let base { mapped.copyMemory(from: base, byteCount: count) }
    Self.release(base, capacity)
    base = mapped
    capacity = size
  }

  private static func release(_ base: UnsafeMutableRawPointer?, _ capacity: Int) {
    guard let base else { return }
    explicit_bzero(base, capacity)
    munmap(base, capacity)
  }
}
