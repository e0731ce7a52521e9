import CIsolation
import Glibc

/// Takes away a folder that programs in a sandbox wrote, with all that is in it, whatever they made of it: names that are no text, folders
/// that nobody may open, folders in folders beyond the length of any path. They may still be at it. Everything is done through open
/// folders, so that a link goes itself and nothing outside is ever reached.
///
/// Folders are brought up to the topmost one before they are emptied: two are open at a time, however deep they were.
struct TreeRemoval: ~Copyable {
  private typealias Name = [CChar]

  private let top: Descriptor
  private var count: UInt64 = 0

  /// - Throws: what the system says. What is left goes at the next try.
  static func remove(_ folder: String) throws(SandboxError) {
    do throws(SystemError) {
      let number = osr_open_folder(folder)
      if number == -ENOENT { return }
      var removal = TreeRemoval(top: try Descriptor(opened: try opened(Descriptor(opened: number), ".")))
      try removal.empty()
      guard rmdir(folder) == 0 || errno == ENOENT else { throw .last }
    } catch {
      throw .folder(path: folder, reason: "it cannot be removed: \(error)")
    }
  }

  private mutating func empty() throws(SystemError) {
    while true {
      let names = try Self.names(in: top)
      guard !names.isEmpty else { return }
      for name in names { try remove(name) }
    }
  }

  private mutating func remove(_ name: Name) throws(SystemError) {
    guard try Self.isFolder(name, afterUnlinkingIn: top) else { return }
    let number = try Self.opened(top, name)
    guard number >= 0 else { return }
    let folder = Descriptor(number)
    for inner in try Self.names(in: folder) where try Self.isFolder(inner, afterUnlinkingIn: folder) {
      // To move a folder, it has to be writable itself.
      let opened = try Self.opened(folder, inner)
      guard opened >= 0 else { continue }
      close(opened)
      count += 1
      let free = Array(".osaurus-\(CommandSessionID().description)-\(count)".utf8CString)
      guard renameat(folder.number, inner, top.number, free) == 0 || errno == ENOENT else { throw .last }
    }
    // Where something came meanwhile, it goes in the next round.
    guard
      unlinkat(top.number, name, AT_REMOVEDIR) == 0 || errno == ENOENT || errno == ENOTEMPTY
        || errno == ENOTDIR
    else { throw .last }
  }

  /// Takes away what has that name, unless it is a folder.
  private static func isFolder(
    _ name: Name, afterUnlinkingIn folder: borrowing Descriptor
  ) throws(SystemError) -> Bool {
    if unlinkat(folder.number, name, 0) == 0 || errno == ENOENT { return false }
    guard errno == EISDIR else { throw .last }
    return true
  }

  private static func opened(_ folder: borrowing Descriptor, _ name: String) throws(SystemError) -> Int32 {
    try opened(folder, Array(name.utf8CString))
  }

  /// Opens a folder for reading, whatever its permissions were. -1 where there is none of that name any more.
  private static func opened(_ folder: borrowing Descriptor, _ name: Name) throws(SystemError) -> Int32 {
    let place = openat(folder.number, name, OSR_PLACE | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    guard place >= 0 else {
      guard errno == ENOENT || errno == ENOTDIR || errno == ELOOP else { throw .last }
      return -1
    }
    defer { close(place) }
    // The permissions of this very folder are changed, and not of what has its name by now.
    guard chmod("/proc/self/fd/\(place)", 0o700) == 0 else { throw .last }
    let number = openat(place, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard number >= 0 else { throw .last }
    return number
  }

  private static func names(in folder: borrowing Descriptor) throws(SystemError) -> [Name] {
    guard let stream = fdopendir(osr_duplicate(folder.number, 3)) else { throw .last }
    defer { closedir(stream) }
    // The duplicate reads on from where the last round ended.
    rewinddir(stream)
    var names: [Name] = []
    while let next = readdir(stream) {
      let name = withUnsafeBytes(of: &next.pointee.d_name) { bytes in
        Array(bytes.bindMemory(to: CChar.self).prefix { $0 != 0 }) + [0]
      }
      if name != [46, 0], name != [46, 46, 0] { names.append(name) }
    }
    return names
  }
}
