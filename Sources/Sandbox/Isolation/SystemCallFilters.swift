import CIsolation
import Synchronization

/// The filters of system calls, made once and kept as files in memory.
final class SystemCallFilters: Sendable {
  /// Both programs for the kernel.
  struct Programs: Sendable {
    let permitted: [UInt8]
    let refused: [UInt8]
  }

  private static let kept = Mutex<[UInt32: Programs]>([:])

  /// The filters, for commands that may make some sockets of the internet families or none.
  static func programs(_ sockets: osr_sockets) throws(SystemError) -> Programs {
    if let programs = kept.withLock({ $0[sockets.rawValue] }) { return programs }
    let permitted = try Descriptor(opened: osr_memory_file("filter"))
    let refused = try Descriptor(opened: osr_memory_file("filter"))
    try SystemError.check(osr_write_filters(permitted.number, refused.number, sockets))
    let programs = Programs(permitted: try permitted.contents(), refused: try refused.contents())
    kept.withLock { $0[sockets.rawValue] = programs }
    return programs
  }
}
