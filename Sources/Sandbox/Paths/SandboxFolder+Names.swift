import CIsolation
import Glibc

/// The open folder that a path ends in, and its last component, which no operation on it follows if it is a link.
struct OpenParent: ~Copyable {
  let folder: Descriptor
  let name: String
  let path: SandboxPath

  /// What the name stands for now; nil where there is nothing.
  func entry() throws(SandboxError) -> FolderEntry? {
    do throws(SystemError) {
      return try FolderEntry(name, in: folder)
    } catch {
      throw SandboxFolder.refusal(path, error)
    }
  }

  /// Gives something that is called `name` in this folder the name of the path.
  func take(_ name: String, _ how: osr_rename_how) throws(SandboxError) {
    let error = osr_rename(folder.number, name, folder.number, self.name, Int32(how.rawValue))
    guard error == 0 else { throw SandboxFolder.refusal(path, SystemError(number: error)) }
  }

  /// Takes away a file or an empty folder.
  func remove(isFolder: Bool = false) throws(SandboxError) {
    guard unlinkat(folder.number, name, isFolder ? AT_REMOVEDIR : 0) == 0 else {
      throw SandboxFolder.refusal(path, SystemError.last)
    }
  }
}

extension SandboxFolder {
  /// The folder that the path ends in.
  func parent(of path: SandboxPath) throws(SandboxError) -> OpenParent {
    guard let name = path.components.last else {
      throw .folder(path: path.text, reason: "it is a whole place, and not something in one")
    }
    let folder = try open(path.components.dropLast(), of: path, OSR_PLACE | O_DIRECTORY)
    return OpenParent(folder: folder, name: name, path: path)
  }

  /// What is there; nil where there is nothing.
  func entry(_ path: SandboxPath) throws(SandboxError) -> FolderEntry? {
    guard !path.components.isEmpty else {
      var status = stat()
      guard fstat(place.number, &status) == 0 else { throw Self.refusal(path, SystemError.last) }
      return FolderEntry(name: "", status)
    }
    do throws(SystemError) {
      let folder = try enter(path.components.dropLast(), OSR_PLACE | O_DIRECTORY)
      return try FolderEntry(path.components.last ?? "", in: folder)
    } catch {
      if error.number == ENOENT || error.number == ENOTDIR { return nil }
      throw Self.refusal(path, error)
    }
  }

  /// Opens a plain file for reading.
  func openPlain(_ path: SandboxPath) throws(SandboxError) -> Descriptor {
    let file = try open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
    try Self.requirePlain(file, path)
    return file
  }

  /// Makes the folders that the path ends in, as far as they are missing.
  func makeParents(of path: SandboxPath) throws(SandboxError) {
    let folders = path.components.dropLast()
    for count in 0..<folders.count {
      if (try? enter(folders.prefix(count + 1), OSR_PLACE | O_DIRECTORY)) != nil { continue }
      let parent = try open(folders.prefix(count), of: path, OSR_PLACE | O_DIRECTORY)
      guard mkdirat(parent.number, folders[count], 0o700) == 0 || errno == EEXIST else {
        throw Self.refusal(path, SystemError.last)
      }
    }
  }

  /// What is in a folder, in the order of names: at most `most`, and whether there is more.
  func list(_ path: SandboxPath, most: Int) throws(SandboxError) -> (entries: [FolderEntry], isCut: Bool) {
    let folder = try open(path, O_RDONLY | O_DIRECTORY)
    guard let stream = fdopendir(osr_duplicate(folder.number, 3)) else {
      throw Self.refusal(path, SystemError.last)
    }
    defer { closedir(stream) }
    var entries: [FolderEntry] = []
    var isCut = false
    while let next = readdir(stream) {
      let entry: FolderEntry? = withUnsafePointer(to: &next.pointee.d_name) { name in
        let bytes = UnsafeRawPointer(name).assumingMemoryBound(to: CChar.self)
        let text = String(cString: bytes)
        var status = stat()
        guard text != ".", text != "..", fstatat(folder.number, bytes, &status, AT_SYMLINK_NOFOLLOW) == 0
        else { return nil }
        return FolderEntry(name: text, status)
      }
      guard let entry else { continue }
      if entries.count == most {
        isCut = true
        break
      }
      entries.append(entry)
    }
    return (entries.sorted { $0.name < $1.name }, isCut)
  }

  /// Makes a new file called `name` with these bytes in the folder that a path ends in.
  /// - Parameter isKept: whether it is on the disk before this returns.
  /// - Returns: which file it is.
  @discardableResult
  func prepare(
    _ bytes: [UInt8], as name: String, beside parent: borrowing OpenParent, mode: UInt32, isKept: Bool = false
  ) throws(SandboxError) -> FileIdentity {
    do throws(SystemError) {
      let file = try Descriptor(
        opened: osr_open_beneath(
          parent.folder.number, name, O_WRONLY | O_CREAT | O_EXCL | O_NOCTTY, 0o600))
      do throws(SystemError) {
        try file.writeAll(bytes)
        var status = stat()
        guard fchmod(file.number, mode & 0o777 | 0o600) == 0, !isKept || fsync(file.number) == 0,
          fstat(file.number, &status) == 0
        else { throw SystemError.last }
        return FolderEntry(name: name, status).identity
      } catch {
        unlinkat(parent.folder.number, name, 0)
        throw error
      }
    } catch {
      throw Self.refusal(parent.path, error)
    }
  }

  /// A name that nobody knows, for a file that does not stay.
  static func passingName() -> String { ".osaurus-\(CommandSessionID().description.prefix(16))" }

  /// Makes a file be these bytes, in one step: whoever reads it sees the old ones or the new ones. What is there must be a plain
  /// file, or nothing.
  /// - Parameter keeps: whether it is an error when there is something.
  func replace(_ path: SandboxPath, with bytes: [UInt8], keeps: Bool = false) throws(SandboxError) {
    try makeParents(of: path)
    let parent = try parent(of: path)
    let present = try parent.entry()
    if let present, present.kind != .file {
      throw .folder(
        path: path.text, reason: present.kind == .link ? "it is a symbolic link" : "it is no plain file")
    }
    let name = Self.passingName()
    try prepare(bytes, as: name, beside: parent, mode: present?.mode ?? 0o600)
    do {
      try parent.take(name, keeps ? OSR_KEEP : OSR_REPLACE)
    } catch {
      unlinkat(parent.folder.number, name, 0)
      throw error
    }
  }
}
