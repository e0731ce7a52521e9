import CSodium

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The memory of this process as a whole: what is in no guarded page, such as what is being said.
public enum ProcessMemory {
  /// Keeps it from being written to a disk when the process crashes, and from being read by other programs of the same user. To be called
  /// before there is anything to keep.
  ///
  /// The limit is passed on to programs that this one starts; that other programs cannot read is not (`PR_SET_DUMPABLE`, prctl(2)).
  public static func keepPrivate() {
    var none = rlimit(rlim_cur: 0, rlim_max: 0)
    setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
    // A core dump that is handed to a program has no limit; this forbids it.
    _ = process_forbid_dumps()
  }
}
