#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// How many files this process may have open, of which each connection is one.
enum OpenFiles {
  /// What a relay has open besides connections, and some more.
  static let ofItsOwn = 128

  /// Raises the limit as far as the system lets this process.
  /// - Returns: What it is then; nil where that is not known.
  static func raise() -> UInt64? {
    #if canImport(Glibc)
      let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    #else
      let files = RLIMIT_NOFILE
    #endif
    var limit = rlimit()
    guard getrlimit(files, &limit) == 0 else { return nil }
    if limit.rlim_cur < limit.rlim_max {
      let before = limit.rlim_cur
      limit.rlim_cur = limit.rlim_max
      if setrlimit(files, &limit) != 0 { limit.rlim_cur = before }
    }
    return UInt64(limit.rlim_cur)
  }
}
