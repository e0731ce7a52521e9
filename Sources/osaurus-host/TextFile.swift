import Foundation

/// Small text from a file, or from standard input where the path is `-`.
enum TextFile {
  /// - Throws: ``CommandFailure`` when it cannot be read, is larger than `limit` bytes, or is not UTF-8.
  static func read(_ path: String, atMost limit: Int) throws -> String {
    let handle: FileHandle
    if path == "-" {
      handle = .standardInput
    } else {
      guard let opened = FileHandle(forReadingAtPath: path) else {
        throw CommandFailure.notFound("\(path) cannot be read.")
      }
      handle = opened
    }
    let data = try handle.read(upToCount: limit + 1) ?? Data()
    guard data.count <= limit else {
      throw CommandFailure(.failed, "too_large", "\(path) is larger than \(limit) bytes.")
    }
    guard let text = String(data: data, encoding: .utf8) else {
      throw CommandFailure(.failed, "not_text", "\(path) is not UTF-8 text.")
    }
    return text
  }
}
