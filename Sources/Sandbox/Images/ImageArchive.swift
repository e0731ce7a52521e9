import CArchive
import Glibc

/// An archive of a file system (tar, plain or compressed), unpacked into a folder that is not there yet: files, folders and links
/// that are seen in a sandbox, and nothing else. Devices, setuid bits, owners and attributes do not come out of it.
struct ImageArchive {
  /// What may come out of one.
  struct Limits {
    var bytes = 8 << 30
    var entries = 500_000

    var exceeded: SandboxError {
      .imageRefused("it has more than \(bytes >> 30 > 0 ? "\(bytes >> 30) GiB" : "\(bytes) bytes")")
    }
  }

  let file: String
  var limits = Limits()

  /// Unpacks it.
  /// - Returns: how much that was, and how many entries were left out.
  /// - Throws: ``SandboxError/imageRefused(_:)``. What was unpacked until then is there.
  func unpack(into folder: String) throws(SandboxError) -> (entries: Int, bytes: Int, leftOut: Int) {
    guard let archive = archive_read_new(), let disk = archive_write_disk_new() else {
      throw .imageRefused("there is no memory")
    }
    defer {
      archive_read_free(archive)
      archive_write_free(disk)
    }
    archive_read_support_filter_all(archive)
    archive_read_support_format_tar(archive)
    archive_write_disk_set_options(
      disk, ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_SECURE_SYMLINKS | ARCHIVE_EXTRACT_SECURE_NODOTDOT)
    guard archive_read_open_filename(archive, file, 65_536) == ARCHIVE_OK else { throw refusal(archive) }
    var (entries, bytes, leftOut) = (0, 0, 0)
    var entry: OpaquePointer?
    while true {
      let status = archive_read_next_header(archive, &entry)
      if status == ARCHIVE_EOF { break }
      guard status == ARCHIVE_OK || status == ARCHIVE_WARN, let entry else { throw refusal(archive) }
      entries += 1
      guard entries <= limits.entries else {
        throw .imageRefused("it has more than \(limits.entries) files")
      }
      guard let path = try prepare(entry, folder) else {
        leftOut += 1
        continue
      }
      guard archive_write_header(disk, entry) == ARCHIVE_OK else { throw refusal(disk, path) }
      bytes += try copy(archive, disk, path, room: limits.bytes - bytes)
      guard archive_write_finish_entry(disk) == ARCHIVE_OK else { throw refusal(disk, path) }
    }
    guard archive_write_close(disk) == ARCHIVE_OK else { throw refusal(disk) }
    guard entries > leftOut else { throw .imageRefused("there is no file system in it") }
    return (entries - leftOut, bytes, leftOut)
  }

  /// Makes an entry one that goes to where it belongs below `folder`.
  /// - Returns: its path; nil where it is not seen in a sandbox.
  private func prepare(_ entry: OpaquePointer, _ folder: String) throws(SandboxError) -> String? {
    guard let name = archive_entry_pathname(entry), let path = Self.path(String(cString: name)) else {
      throw .imageRefused("a path in it is not one below its root")
    }
    guard RootImage.isSeen(path) else { return nil }
    archive_entry_set_pathname(entry, "\(folder)/\(path)")
    if let target = archive_entry_hardlink(entry) {
      guard let target = Self.path(String(cString: target)), RootImage.isSeen(target) else {
        throw .imageRefused("'\(path)' is a second name of something that is not in it")
      }
      archive_entry_set_hardlink(entry, "\(folder)/\(target)")
      return path
    }
    switch archive_entry_filetype(entry) {
    case S_IFDIR: archive_entry_set_perm(entry, 0o700)
    case S_IFREG: archive_entry_set_perm(entry, archive_entry_perm(entry) & 0o111 != 0 ? 0o500 : 0o400)
    case S_IFLNK: break
    default: throw .imageRefused("'\(path)' is no file, folder or link")
    }
    return path
  }

  /// A path of an archive without what says nothing; nil for one that leads out, is too long, or is none.
  static func path(_ text: String) -> String? {
    let parts = text.split(separator: "/").filter { $0 != "." }
    guard text.utf8.count <= 1024, !text.hasPrefix("/"), !parts.contains("..") else { return nil }
    return parts.joined(separator: "/")
  }

  private func copy(
    _ archive: OpaquePointer, _ disk: OpaquePointer, _ path: String, room: Int
  ) throws(SandboxError) -> Int {
    var (block, size, offset): (UnsafeRawPointer?, Int, Int64) = (nil, 0, 0)
    var written = 0
    while true {
      let status = archive_read_data_block(archive, &block, &size, &offset)
      if status == ARCHIVE_EOF { return written }
      guard status == ARCHIVE_OK else { throw refusal(archive, path) }
      written += size
      // A file with holes counts as long as it claims to be.
      guard max(written, Int(offset) + size) <= room else {
        throw limits.exceeded
      }
      guard archive_write_data_block(disk, block, size, offset) >= 0 else { throw refusal(disk, path) }
    }
  }

  private func refusal(_ archive: OpaquePointer, _ path: String? = nil) -> SandboxError {
    let words = archive_error_string(archive).map { String(cString: $0) } ?? "it is cut"
    return .imageRefused(path.map { "'\($0)': \(words)" } ?? words)
  }
}
