import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Where this machine moves memory to that it has no room for.
///
/// Keys are locked in memory and never get there. Pages of open databases, questions and answers may, so whoever has the disk can read
/// them unless what they are moved to is encrypted, or memory itself.
public struct SwapSpace: Hashable, Sendable {
  /// The devices and files that are neither encrypted nor memory.
  public let plain: [String]
  /// Those that are.
  public let sealed: [String]

  /// This machine's.
  public init() {
    let text = FileManager.default.contents(atPath: "/proc/swaps") ?? Data()
    self.init(listing: String(decoding: text, as: UTF8.self), isSealed: Self.isSealed)
  }

  /// - Parameter listing: as `/proc/swaps` has it: a line of headings, then one for each, its path first.
  init(listing: String, isSealed: (String) -> Bool) {
    let paths: [String] = listing.split(separator: "\n").dropFirst().compactMap { line in
      line.split(whereSeparator: \.isWhitespace).first.map { String($0).replacing("\\040", with: " ") }
    }
    plain = paths.filter { !isSealed($0) }
    sealed = paths.filter { isSealed($0) }
  }

  /// Whether a device is compressed memory, or lies with all that it consists of under dm-crypt; a file, whether its device does.
  private static func isSealed(_ path: String) -> Bool {
    var status = stat()
    guard stat(path, &status) == 0 else { return false }
    let device = status.st_mode & S_IFMT == S_IFBLK ? status.st_rdev : status.st_dev
    let (major, minor) = ((device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0xfff00))
    guard let entry = realpath("/sys/dev/block/\(major):\(minor)", nil) else { return false }
    defer { free(entry) }
    return isSealedDevice(URL(filePath: String(cString: entry)), depth: 8)
  }

  private static func isSealedDevice(_ entry: URL, depth: Int) -> Bool {
    if entry.lastPathComponent.hasPrefix("zram") { return true }
    let id = FileManager.default.contents(atPath: entry.appending(path: "dm/uuid").path) ?? Data()
    if String(decoding: id, as: UTF8.self).hasPrefix("CRYPT-") { return true }
    let below = entry.appending(path: "slaves")
    guard depth > 0, let parts = try? FileManager.default.contentsOfDirectory(atPath: below.path),
      !parts.isEmpty
    else { return false }
    return parts.allSatisfy { part in
      isSealedDevice(below.appending(path: part).resolvingSymlinksInPath(), depth: depth - 1)
    }
  }
}
