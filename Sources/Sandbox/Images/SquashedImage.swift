import Foundation

/// An image of squashfs. It is turned into an archive by a program of this machine, in a sandbox that has nothing but the image, and what comes
/// out is taken as any archive is.
struct SquashedImage {
  /// What does it: squashfs-tools-ng.
  static let program = "sqfs2tar"

  let file: String
  var limits = ImageArchive.Limits()

  /// Whether a file is one (the magic number of squashfs 4).
  static func isOne(_ file: String) -> Bool {
    let number = open(file, O_RDONLY | O_CLOEXEC)
    guard number >= 0 else { return false }
    let place = Descriptor(number)
    var magic = [UInt8](repeating: 0, count: 4)
    return read(place.number, &magic, 4) == 4 && magic == Array("hsqs".utf8)
  }

  /// Unpacks it.
  /// - Parameter work: a folder that is not there yet, for the time of it.
  /// - Throws: ``SandboxError``. What was unpacked until then is there.
  func unpack(
    into folder: String, by work: URL
  ) async throws(SandboxError) -> (entries: Int, bytes: Int, leftOut: Int) {
    defer { try? FileManager.default.removeItem(at: work) }
    let places = AgentPlaces(agent: UUID(), in: work)
    try places.prepare()
    let (image, archive) = (
      places.homeFolder.appending(path: "image").path, places.homeFolder.appending(path: "archive").path
    )
    guard link(file, image) == 0 else { throw .folder(path: image, reason: SystemError.last.description) }
    try await convert(at: places)
    unlink(image)
    return try ImageArchive(file: archive, limits: limits).unpack(into: folder)
  }

  private func convert(at places: AgentPlaces) async throws(SandboxError) {
    var profile = SandboxProfile(places: places)
    // The archive has a header for each file besides.
    profile.limits.fileSize = UInt64(limits.bytes) + UInt64(limits.entries) * 2048
    profile.limits.home = nil
    var request = ExecutionRequest(["sh", "-c", "exec \(Self.program) --no-xattr image >archive"])
    request.isLong = true
    request.timeLimit = .seconds(3600)
    let result: ExecutionResult
    do {
      let session = try CommandSession(request, with: SandboxLauncher(profile: profile))
      result = try await withTaskCancellationHandler {
        try await session.result()
      } onCancel: {
        session.terminate()
      }
    } catch {
      throw error as? SandboxError ?? .imageRefused("it was cancelled")
    }
    switch (result.cause, result.ending) {
    case (.itself, .exited(code: 0)): return
    case (.itself, .exited(code: 127)): throw .imageProgramMissing(Self.program)
    case (.itself, .signalled(number: SIGXFSZ)): throw limits.exceeded
    case (.itself, _):
      let words = result.standardError.text.split(separator: "\n").last.map(String.init) ?? "it is cut"
      throw .imageRefused("no file system can be read from it: \(String(words.prefix(200)))")
    case (let cause, _): throw .imageRefused("reading it was ended (\(cause.rawValue))")
    }
  }
}
