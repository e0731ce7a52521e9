import CIsolation
import Glibc

/// `sandbox_delete_file`: takes away a file, a link, or a folder.
struct DeleteFileTool: SandboxTool {
  let definition = ToolDefinition(
    "sandbox_delete_file",
    "Delete a file, a link or an empty folder of the sandbox; with recursive, a whole folder.",
    [
      .init("path", .text(longest: 4096), "What to delete.", isRequired: true),
      .init("recursive", .flag, "Whether a folder goes with all that is in it.", standard: false),
    ])

  func run(_ arguments: ToolArguments, at bench: ToolBench) async throws -> ToolAnswer {
    let path = try bench.files.path(arguments.required("path"))
    let place = try bench.files.writablePlace(of: path)
    guard !path.components.isEmpty else {
      throw ToolFailure.invalid("A whole place is not deleted.", field: "path", expected: "something in it")
    }
    guard let entry = try place.entry(path) else { throw ToolFiles.missing(path) }
    try await bench.context.gate.admitWrite(path)
    let parent = try place.parent(of: path)
    let isFolder = entry.kind == .folder
    guard isFolder, arguments.flag("recursive") else {
      guard try Self.remove(parent, isFolder: isFolder) else {
        throw ToolFailure(
          .executionError, "`\(path.text)` is not empty.", field: "recursive",
          expected: "true, to delete all that is in it")
      }
      return ToolAnswer(["path": .string(path.text), "summary": "Deleted.", "deleted": 1])
    }
    var removal = FolderRemoval()
    try removal.remove(parent.name, in: parent.folder, shownAs: path.text)
    return ToolAnswer(["path": .string(path.text), "summary": "Deleted.", "deleted": .number(removal.count)])
  }

  /// False where it is a folder with something in it.
  private static func remove(_ parent: borrowing OpenParent, isFolder: Bool) throws(SandboxError) -> Bool {
    if unlinkat(parent.folder.number, parent.name, isFolder ? AT_REMOVEDIR : 0) == 0 { return true }
    if isFolder, errno == ENOTEMPTY || errno == EEXIST { return false }
    throw SandboxFolder.refusal(parent.path, SystemError.last)
  }
}

/// Takes away a folder and what is in it, through open folders alone: a link in it goes itself, and is never gone through.
struct FolderRemoval {
  static let deepest = 128
  static let most = 100_000

  private(set) var count = 0

  mutating func remove(
    _ name: String, in folder: borrowing Descriptor, shownAs path: String, depth: Int = 0
  ) throws(ToolFailure) {
    guard depth < Self.deepest, count < Self.most else {
      throw ToolFailure(
        .executionError,
        "`\(path)` has more than \(Self.most) entries or \(Self.deepest) levels; \(count) are deleted.")
    }
    // One step, and no link.
    let opened = openat(folder.number, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    if opened >= 0 {
      let inner = Descriptor(opened)
      for name in try names(in: inner, shownAs: path) {
        try remove(name, in: inner, shownAs: path, depth: depth + 1)
      }
    }
    guard unlinkat(folder.number, name, opened >= 0 ? AT_REMOVEDIR : 0) == 0 || errno == ENOENT else {
      throw ToolFailure(
        .executionError, "`\(path)` could not be deleted whole: \(SystemError.last); \(count) are gone.")
    }
    count += 1
  }

  private func names(in folder: borrowing Descriptor, shownAs path: String) throws(ToolFailure) -> [String] {
    guard let stream = fdopendir(osr_duplicate(folder.number, 3)) else {
      throw ToolFailure(.executionError, "`\(path)` could not be read: \(SystemError.last)")
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let next = readdir(stream), names.count <= Self.most {
      let name = withUnsafePointer(to: &next.pointee.d_name) {
        String(validatingCString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
      }
      if let name, name != ".", name != ".." { names.append(name) }
    }
    return names
  }
}
