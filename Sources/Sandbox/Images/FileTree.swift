import Crypto
import Foundation

/// What is in a folder: every name, kind and byte of it, as one digest. Links are read, and never followed.
struct FileTree {
  let root: String

  private struct Entry {
    let path: String
    let status: stat
  }

  /// SHA-256 over everything: it changes with any file, name, link, or permission to run.
  func content() throws(SandboxError) -> String {
    var hash = SHA256()
    for entry in try entries() {
      let name = Array(entry.path.utf8)
      hash.update(data: [UInt8](entry.path.utf8.count.bytes) + name)
      switch entry.status.st_mode & S_IFMT {
      case S_IFDIR: hash.update(data: [1])
      case S_IFLNK:
        let target = Array(try link(entry.path).utf8)
        hash.update(data: [2] + target.count.bytes + target)
      case S_IFREG:
        let mayRun: UInt8 = entry.status.st_mode & 0o100 != 0 ? 4 : 3
        hash.update(data: [mayRun] + Int(entry.status.st_size).bytes)
        try read(entry.path) { hash.update(data: $0) }
      default: throw refusal(entry.path, "it is no file, folder or link")
      }
    }
    return hash.finalize().digits
  }

  /// SHA-256 over what the file system says of everything, which changes with any file that is written, moved or replaced.
  func appearance() throws(SandboxError) -> String {
    var hash = SHA256()
    for entry in try entries() {
      let status = entry.status
      let numbers = [
        entry.path.utf8.count, Int(status.st_mode), Int(status.st_size),
        Int(truncatingIfNeeded: status.st_ino),
        status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec,
      ]
      hash.update(data: Array(entry.path.utf8) + numbers.flatMap(\.bytes))
    }
    return hash.finalize().digits
  }

  /// Everything in it, folder by folder, in the order of the names.
  private func entries() throws(SandboxError) -> [Entry] {
    var (found, waiting): ([Entry], [String]) = ([], [""])
    while let folder = waiting.popLast() {
      let names: [String]
      do {
        names = try FileManager.default.contentsOfDirectory(atPath: place(folder))
      } catch {
        throw refusal(folder, "it cannot be read")
      }
      for name in names.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
        let path = folder.isEmpty ? name : "\(folder)/\(name)"
        var status = stat()
        guard lstat(place(path), &status) == 0 else { throw refusal(path, SystemError.last.description) }
        found.append(Entry(path: path, status: status))
        if status.st_mode & S_IFMT == S_IFDIR { waiting.append(path) }
      }
    }
    return found
  }

  private func link(_ path: String) throws(SandboxError) -> String {
    do {
      return try FileManager.default.destinationOfSymbolicLink(atPath: place(path))
    } catch {
      throw refusal(path, "it cannot be read")
    }
  }

  private func read(_ path: String, _ body: ([UInt8]) -> Void) throws(SandboxError) {
    let file = Descriptor(open(place(path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC))
    guard file.number >= 0 else { throw refusal(path, SystemError.last.description) }
    var buffer = [UInt8](repeating: 0, count: 1 << 18)
    while true {
      let count = Glibc.read(file.number, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw refusal(path, SystemError.last.description) }
      if count == 0 { return }
      body(count == buffer.count ? buffer : Array(buffer.prefix(count)))
    }
  }

  private func place(_ path: String) -> String { path.isEmpty ? root : "\(root)/\(path)" }

  private func refusal(_ path: String, _ reason: String) -> SandboxError {
    .folder(path: place(path), reason: reason)
  }
}

extension Int {
  fileprivate var bytes: [UInt8] {
    withUnsafeBytes(of: UInt64(bitPattern: Int64(self)).bigEndian) { Array($0) }
  }
}

extension SHA256.Digest {
  /// 64 lowercase digits.
  var digits: String {
    let table = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for byte in self {
      text.append(table[Int(byte >> 4)])
      text.append(table[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }
}
