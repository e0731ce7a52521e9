import AsyncHTTPClient
public import Foundation
import Glibc

/// The root image of a host's sandboxes, if its owner chose one. It is used as long as it is what was pinned, and nothing else is
/// used in its place.
public struct RootImages: Sendable {
  /// Bytes of an archive.
  static let largestArchive = 4 << 30

  private let folder: URL
  /// What may come out of one.
  var limits = ImageArchive.Limits()
  private var note: URL { folder.appending(path: "current.json") }

  /// - Parameter sandboxes: the folder on this machine with the sandboxes of a host.
  public init(in sandboxes: URL) { folder = sandboxes.appending(path: "images") }

  /// Takes an image whose SHA-256 is the one that is named, unpacks it, and uses it from now on. It is copied first, and what is
  /// unpacked is the copy. Where anything is wrong, nothing of it is left, and what was used before is used.
  /// - Throws: ``SandboxError/imageMismatch(expected:actual:)``, ``SandboxError/imageRefused(_:)`` or
  ///   ``SandboxError/folder(path:reason:)``.
  public func set(_ file: String, sha256: String) async throws(SandboxError) -> RootImage {
    try await adopt(sha256) { copy throws(SandboxError) in
      try copy.write(contentsOf: file)
    }
  }

  /// The same for one that is downloaded: once, from there and from nowhere else.
  /// - Throws: ``SandboxError/imageNotFetched(_:reason:)``, or what ``set(_:sha256:)`` throws.
  public func fetch(
    _ address: ImageAddress, sha256: String,
    progress: @escaping @Sendable (_ bytes: Int, _ all: Int?) -> Void = { _, _ in }
  ) async throws(SandboxError) -> RootImage {
    let client = ImageDownload.standardClient()
    do throws(SandboxError) {
      let image = try await fetch(
        address, sha256: sha256, with: ImageDownload(client: client), progress: progress)
      try? await client.shutdown()
      return image
    } catch {
      try? await client.shutdown()
      throw error
    }
  }

  package func fetch(
    _ address: ImageAddress, sha256: String, with download: ImageDownload,
    progress: @escaping ImageDownload.Progress = { _, _ in }
  ) async throws(SandboxError) -> RootImage {
    try await adopt(sha256) { file throws(SandboxError) in
      try await download.run(address, into: file, progress: progress)
    }
  }

  /// - Parameter fill: brings the image into the file.
  private func adopt(
    _ sha256: String, fill: (ImageFile) async throws(SandboxError) -> Void
  ) async throws(SandboxError) -> RootImage {
    let expected = sha256.lowercased()
    guard expected.utf8.count == 64, expected.allSatisfy(\.isHexDigit) else {
      throw .imageRefused("a SHA-256 has 64 hexadecimal digits")
    }
    let parent = folder.deletingLastPathComponent()
    for place in [parent.deletingLastPathComponent(), parent, folder] { try AgentPlaces.make(place) }
    // The kernel is told of no link on the way.
    guard let resolved = realpath(folder.path, nil) else { throw failure(folder.path) }
    defer { free(resolved) }
    let (place, name) = (String(cString: resolved), UUID().uuidString.lowercased())
    let (copy, root) = ("\(place)/part-\(name)", "\(place)/root-\(name)")
    defer { unlink(copy) }
    do throws(SandboxError) {
      let file = try ImageFile(copy, most: Self.largestArchive)
      try await fill(file)
      let actual = file.digest
      guard actual == expected else { throw SandboxError.imageMismatch(expected: expected, actual: actual) }
      try AgentPlaces.make(URL(filePath: root))
      let unpacked: (entries: Int, bytes: Int, leftOut: Int)
      if SquashedImage.isOne(copy) {
        unpacked = try await SquashedImage(file: copy, limits: limits).unpack(
          into: root, by: URL(filePath: "\(place)/part-\(name)-work"))
      } else {
        unpacked = try ImageArchive(file: copy, limits: limits).unpack(into: root)
      }
      let tree = FileTree(root: root)
      let image = RootImage(
        sha256: expected, entries: unpacked.entries, bytes: unpacked.bytes, leftOut: unpacked.leftOut,
        folder: root, content: try tree.content(), appearance: try tree.appearance())
      try write(image)
      clean(keeping: URL(filePath: root).lastPathComponent)
      return image
    } catch {
      try? FileManager.default.removeItem(atPath: root)
      throw error
    }
  }

  /// The image that was chosen, as it was noted; nil where none was.
  /// - Throws: ``SandboxError/imageRefused(_:)`` where the note cannot be read.
  public func noted() throws(SandboxError) -> RootImage? {
    guard let data = FileManager.default.contents(atPath: note.path) else {
      guard !FileManager.default.fileExists(atPath: note.path) else { throw failure(note.path) }
      return nil
    }
    guard let image = try? JSONDecoder().decode(RootImage.self, from: data) else {
      throw .imageRefused("\(note.path) cannot be read")
    }
    return image
  }

  /// The image to use, which is what was unpacked; nil where none was chosen. Whatever looks touched is read whole.
  /// - Throws: ``SandboxError/imageChanged(_:)`` where it is not.
  public func current() throws(SandboxError) -> RootImage? {
    guard var image = try noted() else { return nil }
    let tree = FileTree(root: image.folder)
    do {
      let appearance = try tree.appearance()
      guard appearance != image.appearance else { return image }
      guard try tree.content() == image.content else { throw SandboxError.imageChanged(image.folder) }
      image.appearance = appearance
    } catch {
      throw .imageChanged(image.folder)
    }
    try write(image)
    return image
  }

  /// Goes back to this machine's own file system.
  /// - Returns: whether there was an image.
  public func remove() throws(SandboxError) -> Bool {
    guard unlink(note.path) == 0 || errno == ENOENT else { throw failure(note.path) }
    let wasThere = FileManager.default.fileExists(atPath: folder.path)
    clean(keeping: nil)
    return wasThere
  }

  /// Removes what no note names: of an image before, or of one that was interrupted.
  private func clean(keeping name: String?) {
    for entry in (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    where entry != name && (entry.hasPrefix("root-") || entry.hasPrefix("part-")) {
      try? FileManager.default.removeItem(at: folder.appending(path: entry))
    }
    if name == nil { rmdir(folder.path) }
  }

  private func write(_ image: RootImage) throws(SandboxError) {
    do {
      let next = folder.appending(path: "current.next")
      unlink(next.path)
      let made = FileManager.default.createFile(
        atPath: next.path, contents: try JSONEncoder().encode(image), attributes: [.posixPermissions: 0o600])
      guard made, rename(next.path, note.path) == 0 else { throw failure(note.path) }
    } catch {
      throw error as? SandboxError ?? .folder(path: note.path, reason: error.localizedDescription)
    }
  }

  private func failure(_ path: String) -> SandboxError {
    .folder(path: path, reason: SystemError.last.description)
  }
}
