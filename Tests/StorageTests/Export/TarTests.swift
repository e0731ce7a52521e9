import Foundation
import Testing

@testable import Storage

@Suite("Archives of exports")
struct TarTests {
  private static func archive(_ files: [(String, Data)]) throws -> Data {
    let target = MemoryBytes()
    let tar = try TarWriter(to: target, date: Date(timeIntervalSince1970: 1_700_000_000))
    for (path, content) in files {
      try tar.begin(path, bytes: content.count)
      try tar.write(content)
    }
    try tar.finish()
    return target.bytes
  }

  private static func read(_ archive: Data) throws -> [(String, Data)] {
    let tar = try TarReader(from: MemoryBytes(archive))
    var files: [(String, Data)] = []
    while let entry = try tar.next() { files.append((entry.path, try tar.read(1 << 20))) }
    try tar.finish()
    return files
  }

  /// An archive that Debian's `tar` makes of a folder.
  private static func tar(_ arguments: [String], in folder: URL) throws -> Data {
    let program = Process()
    let output = Pipe()
    program.executableURL = URL(filePath: "/bin/tar")
    program.arguments = ["-C", folder.path] + arguments
    program.standardOutput = output
    try program.run()
    let archive = output.fileHandleForReading.readDataToEndOfFile()
    program.waitUntilExit()
    return archive
  }

  private func withFolder(_ body: (URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "osaurus-tar-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder)
  }

  @Test("what was written is read, also by another program and from one")
  func roundTrip() throws {
    let files = [
      ("manifest.json", Data("{}".utf8)), ("databases/a/b", Data(count: 100_000)), ("empty", Data()),
    ]
    let archive = try Self.archive(files)
    #expect(archive.count % 512 == 0)
    let found = try Self.read(archive)
    #expect(found.map(\.0) == files.map(\.0) && found.map(\.1) == files.map(\.1))
    try withFolder { folder in
      try archive.write(to: folder.appending(path: "x.tar"))
      #expect(
        String(decoding: try Self.tar(["-tf", folder.path + "/x.tar"], in: folder), as: UTF8.self)
          == "manifest.json\ndatabases/a/b\nempty\n")
      try Data("hello".utf8).write(to: folder.appending(path: "manifest.json"))
      for format in ["ustar", "pax", "gnu"] {
        let theirs = try Self.tar(["-c", "--format=\(format)", "manifest.json"], in: folder)
        #expect(try Self.read(theirs).map(\.1) == [Data("hello".utf8)])
      }
    }
  }

  @Test("links, devices and holes are refused")
  func kinds() throws {
    try withFolder { folder in
      let path = folder.path
      symlink("/etc/passwd", path + "/soft")
      try Data("x".utf8).write(to: folder.appending(path: "one"))
      link(path + "/one", path + "/two")
      mkfifo(path + "/pipe", 0o600)
      let hole = open(path + "/hole", O_CREAT | O_WRONLY, 0o600)
      ftruncate(hole, 1 << 20)
      close(hole)
      for names in [["soft"], ["one", "two"], ["pipe"]] {
        let archive = try Self.tar(["-c"] + names, in: folder)
        #expect(throws: ExportFault.self, "\(names)") { _ = try Self.read(archive) }
      }
      let sparse = try Self.tar(["-c", "-S", "--format=gnu", "hole"], in: folder)
      #expect(throws: ExportFault.self) { _ = try Self.read(sparse) }
    }
  }

  @Test("what was cut, or has something behind its end, is refused")
  func ends() throws {
    let archive = try Self.archive([
      ("a", Data(repeating: 1, count: 5000)), ("b", Data(repeating: 2, count: 100)),
    ])
    for count in [1, 100, 511, 512, 600, 5000, 5632, 6000] {
      #expect(throws: ExportFault.self, "\(count)") {
        let found = try Self.read(archive.prefix(count))
        guard found.map(\.1.count) == [5000, 100] else { throw ExportFault.lacks("b") }
      }
    }
    let long = archive + Data(count: 1 << 20)
    #expect(throws: ExportFault.archive(reason: "something follows its end")) {
      _ = try Self.read(long + [1])
    }
    #expect(throws: ExportFault.self) { _ = try Self.read(Data("no archive at all, and long enough".utf8)) }
  }

  @Test("what the sink says comes out as it is")
  func failures() throws {
    final class Full: ByteSink {
      func write(_ bytes: Data) throws { throw ExportFault.file(path: "x", reason: "full") }
    }
    #expect(throws: ExportFault.file(path: "x", reason: "full")) {
      let tar = try TarWriter(to: Full(), date: Date())
      try tar.begin("a", bytes: 1 << 20)
      try tar.write(Data(count: 1 << 20))
      try tar.finish()
    }
  }
}
