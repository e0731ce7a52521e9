import Foundation

/// The files that the tools of an agent may use, by the paths that models write.
struct ToolFiles: Sendable {
  /// The most bytes that a tool reads of a file.
  static let mostRead = 4 << 20
  /// The most bytes that a tool writes to one.
  static let mostWritten = 4 << 20

  let profile: SandboxProfile

  /// The path in an argument.
  func path(_ text: String, field: String = "path") throws(ToolFailure) -> SandboxPath {
    do {
      return try SandboxPath(text, in: profile.reachable)
    } catch {
      throw .invalid(
        "Argument `\(field)` rejected: \(error.reason). Got `\(text.prefix(200))`.", field: field,
        expected: "a path in the agent's home, in `\(AgentPlaces.shared)` or in a workspace")
    }
  }

  /// The place that the path is in, open.
  func place(of path: SandboxPath) throws(ToolFailure) -> SandboxFolder {
    let folder: String
    if path.root == profile.places.home {
      folder = profile.places.homeFolder.path
    } else if path.root == AgentPlaces.shared {
      folder = profile.places.sharedFolder.path
    } else if let grant = profile.grants.first(where: { $0.place == path.root }) {
      folder = grant.folder
    } else {
      throw ToolFailure(.notFound, "There is no place `\(path.root)`.", field: "path")
    }
    do {
      try profile.places.prepare()
      return try SandboxFolder(folder)
    } catch {
      throw ToolFailure(.unavailable, "The place `\(path.root)` cannot be opened on this machine.")
    }
  }

  /// The place that the path is in, open, where files in it may be changed.
  func writablePlace(of path: SandboxPath, field: String = "path") throws(ToolFailure) -> SandboxFolder {
    if let grant = profile.grants.first(where: { $0.place == path.root }), !grant.isWritable {
      throw ToolFailure(
        .rejected, "`\(path.root)` is a workspace that may be read and not changed.", field: field,
        expected: "a path in a place that may be changed")
    }
    return try place(of: path)
  }

  /// - Throws: ``ToolFailure``, where so many bytes more would leave less free than has to stay so, or make the home
  ///   larger than it may be.
  func requireRoom(
    for bytes: Int, at path: SandboxPath, in place: borrowing SandboxFolder
  ) throws(ToolFailure) {
    try requireRoomOnDisk(for: bytes, in: place)
    try requireRoomInHome(for: bytes, at: path)
  }

  /// - Throws: ``ToolFailure``, where so many bytes more would leave less free than has to stay so.
  func requireRoomOnDisk(for bytes: Int, in place: borrowing SandboxFolder) throws(ToolFailure) {
    guard bytes <= Self.mostWritten else {
      throw .invalid(
        "The content is longer than \(Self.mostWritten >> 20) MiB.", field: "content",
        expected: "at most \(Self.mostWritten) bytes")
    }
    var status = statvfs()
    guard fstatvfs(place.place.number, &status) == 0 else { return }
    let free = UInt64(status.f_bavail) * UInt64(status.f_frsize)
    guard free >= profile.limits.freeDisk + UInt64(bytes) else {
      throw ToolFailure(.unavailable, "The disk is nearly full.")
    }
  }

  /// - Throws: ``ToolFailure``, where so many bytes more would make the home larger than it may be.
  func requireRoomInHome(for bytes: Int, at path: SandboxPath) throws(ToolFailure) {
    guard bytes > 0, path.root == profile.places.home, let most = profile.limits.home else { return }
    let taken = HomeUsage.bytes(in: profile.places.homeFolder.path)
    guard taken + UInt64(bytes) <= most else {
      throw ToolFailure(
        .rejected, "The home is full: it takes \(taken >> 20) MiB, and may take \(most >> 20).",
        expected: "less in the home; sandbox_delete_file and rm work", metadata: ["code": "HOME_FULL"])
    }
  }

  static func missing(_ path: SandboxPath, field: String = "path") -> ToolFailure {
    ToolFailure(
      .notFound, "There is nothing at `\(path.text)`.", field: field, expected: "a path that exists")
  }

  /// The whole of a plain file of text.
  func text(_ path: SandboxPath, in place: borrowing SandboxFolder, field: String = "path") throws -> String {
    guard let entry = try place.entry(path) else { throw Self.missing(path, field: field) }
    guard entry.size <= Self.mostRead else {
      throw ToolFailure(
        .executionError, "`\(path.text)` is longer than \(Self.mostRead >> 20) MiB.", field: field)
    }
    let bytes = try place.read(path, limit: Self.mostRead + 1)
    guard bytes.count <= Self.mostRead, !bytes.contains(0),
      let text = String(validating: bytes, as: UTF8.self)
    else {
      throw ToolFailure(.executionError, "`\(path.text)` is no text in UTF-8.", field: field)
    }
    return text
  }
}
