public import Foundation

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// A small file system in memory, which can be filled up and made read-only. It is gone with the value.
public final class SmallDisk: Sendable {
  /// Its folder, 0700.
  public let folder: URL
  private var filling: String { folder.appending(path: "filling").path }

  /// What mounting it needs. With `CI=true` it has to be there.
  public static let isWanted =
    ProcessInfo.processInfo.environment["CI"] == "true" || (try? SmallDisk(kibibytes: 64)) != nil

  /// Why a test that needs it is skipped.
  public static let isMissing = "only root can mount a small disk; with CI=true it is not skipped"

  public struct Refused: Error {
    let command: [String]
    let said: String
  }

  public init(kibibytes: Int) throws {
    folder = URL(filePath: "/tmp/od-\(UInt32.random(in: .min ... .max))")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    do {
      try Self.run(["mount", "-t", "tmpfs", "-o", "size=\(kibibytes)k,mode=0700", "tmpfs", folder.path])
    } catch {
      rmdir(folder.path)
      throw error
    }
  }

  deinit {
    try? Self.run(["umount", "-l", folder.path])
    rmdir(folder.path)
  }

  /// Writes until only so many bytes are left.
  public func fill(leaving bytes: Int = 0) throws {
    let file = open(filling, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw Refused(command: ["fill"], said: String(cString: strerror(errno))) }
    defer { close(file) }
    let page = [UInt8](repeating: 0xff, count: 4096)
    while write(file, page, page.count) > 0 {}
    var status = stat()
    fstat(file, &status)
    ftruncate(file, max(0, status.st_size - (bytes + 4095) / 4096 * 4096))
  }

  /// Frees what was filled.
  public func empty() { unlink(filling) }

  /// Makes it read-only, or writable again. Nothing on it may be open for writing.
  public func setReadOnly(_ isReadOnly: Bool) throws {
    try Self.run(["mount", "-o", "remount,\(isReadOnly ? "ro" : "rw")", folder.path])
  }

  private static func run(_ command: [String]) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = command
    let said = Pipe()
    (process.standardInput, process.standardOutput, process.standardError) = (
      FileHandle.nullDevice, FileHandle.nullDevice, said
    )
    try process.run()
    let text = String(decoding: (try? said.fileHandleForReading.readToEnd()) ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw Refused(command: command, said: text) }
  }
}
