import Crypto
import Foundation

/// A tar archive of a test, byte by byte, so that anything can be in one.
struct TestArchive {
  private(set) var bytes: [UInt8] = []

  /// - Parameters:
  ///   - kind: `0` file, `1` second name, `2` link, `3` device, `5` folder, `6` pipe.
  mutating func add(
    _ path: String, kind: Character = "0", mode: Int = 0o644, target: String = "", content: [UInt8] = []
  ) {
    var header = [UInt8](repeating: 0, count: 512)
    func put(_ text: String, at offset: Int) {
      for (index, byte) in text.utf8.enumerated() { header[offset + index] = byte }
    }
    func octal(_ number: Int, _ digits: Int) -> String {
      let text = String(number, radix: 8)
      return String(repeating: "0", count: digits - text.count) + text
    }
    put(path, at: 0)
    put(octal(mode, 7), at: 100)
    put(octal(0, 7), at: 108)
    put(octal(0, 7), at: 116)
    put(octal(content.count, 11), at: 124)
    put(octal(0, 11), at: 136)
    put("        ", at: 148)
    put(String(kind), at: 156)
    put(target, at: 157)
    put("ustar", at: 257)
    put("00", at: 263)
    put(octal(1, 7), at: 329)
    put(octal(3, 7), at: 337)
    put(octal(header.reduce(0) { $0 + Int($1) }, 6) + "\0 ", at: 148)
    bytes += header + content + [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
  }

  /// Writes it into a folder.
  /// - Returns: where it is, and its SHA-256.
  func write(in folder: URL) throws -> (path: String, sha256: String) {
    let data = Data(bytes + [UInt8](repeating: 0, count: 1024))
    let file = folder.appending(path: "image-\(UUID().uuidString).tar")
    try data.write(to: file)
    return (file.path, Self.sha256(data))
  }

  static func sha256(_ data: Data) -> String {
    SHA256.hash(data: data).map { String(format: "%02x", $0) }.joined()
  }
}
