import Foundation
import Glibc

/// The folder of the managed runtime (0700): the engine, the model, the launcher.
struct RuntimeFolder: Sendable {
  let url: URL

  var engine: URL { url.appending(path: RuntimePins.engineFolder) }
  var model: URL { url.appending(path: RuntimePins.modelFile) }
  var launcher: URL { url.appending(path: "launcher.py") }

  var hasEngine: Bool {
    FileManager.default.fileExists(atPath: engine.appending(path: RuntimePins.engineFile).path)
  }

  var hasModel: Bool { FileManager.default.fileExists(atPath: model.path) }

  func create() throws {
    let parent = url.deletingLastPathComponent()
    try FileManager.default.createDirectory(
      at: parent, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    if mkdir(url.path, 0o700) != 0, errno != EEXIST { throw failure("cannot make \(url.path)") }
    guard chmod(url.path, 0o700) == 0 else { throw failure("\(url.path) is not this user's own") }
  }

  /// A fresh folder beside the final places, named after this process.
  func makeStage() throws -> URL {
    let name = ".installing-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    let stage = url.appending(path: name)
    guard mkdir(stage.path, 0o700) == 0 else { throw failure("cannot make \(stage.path)") }
    return stage
  }

  /// Removes what installations left behind whose process is gone.
  func removeStaleStages() {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? []
    for name in names where name.hasPrefix(".installing-") {
      guard let pid = name.split(separator: "-").dropFirst().first.flatMap({ pid_t($0) }) else { continue }
      if pid == getpid() || (kill(pid, 0) != 0 && errno == ESRCH) {
        try? FileManager.default.removeItem(at: url.appending(path: name))
      }
    }
  }

  /// Puts a finished file or folder into its place in one step. One that came there meanwhile stays.
  func place(_ staged: URL, at destination: URL) throws {
    guard rename(staged.path, destination.path) == 0 else {
      if errno == EEXIST || errno == ENOTEMPTY { return }
      throw failure("cannot put \(destination.lastPathComponent) into place")
    }
    let folder = open(url.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if folder >= 0 {
      fsync(folder)
      close(folder)
    }
  }

  /// Writes the launcher if it is not what it should be.
  func writeLauncher() throws {
    let text = RuntimeLauncher.source
    if (try? String(contentsOf: launcher, encoding: .utf8)) == text { return }
    let staged = url.appending(path: ".launcher-\(getpid())-\(UInt32.random(in: 0 ... .max))")
    defer { try? FileManager.default.removeItem(at: staged) }
    try Data(text.utf8).write(to: staged, options: [.withoutOverwriting])
    chmod(staged.path, 0o600)
    try place(staged, at: launcher)
  }

  private func failure(_ what: String) -> InferenceError {
    .installFailed(reason: "\(what) (\(String(cString: strerror(errno))))")
  }
}
