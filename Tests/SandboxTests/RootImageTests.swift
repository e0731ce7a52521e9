import Foundation
import Testing

@testable import Sandbox

@Suite("Root images", .timeLimit(.minutes(10)))
struct RootImageTests {
  private static func images(_ ground: Ground) -> RootImages {
    RootImages(in: ground.folder.appending(path: "sandbox"))
  }

  /// What is left in the folder of images.
  static func names(_ ground: Ground) -> [String] {
    (try? FileManager.default.contentsOfDirectory(
      atPath: ground.folder.appending(path: "sandbox/images").path)) ?? []
  }

  static var small: TestArchive {
    var archive = TestArchive()
    archive.add("./", kind: "5")
    archive.add("./usr/bin/tool", mode: 0o4755, content: Array("tool".utf8))
    archive.add("./usr/bin/second", kind: "1", target: "./usr/bin/tool")
    archive.add("./usr/share/text", mode: 0o666, content: [UInt8](repeating: 65, count: 5000))
    archive.add("./bin", kind: "2", target: "usr/bin")
    archive.add("./etc/ssl/certs/one.pem", content: [1])
    archive.add("./etc/shadow", content: [1])
    archive.add("./dev/null", kind: "3")
    archive.add("./home/me/.ssh/id", content: [1])
    return archive
  }

  @Test(
    "an image is unpacked when its SHA-256 is the one that was named, without what has no place in a sandbox")
  func unpacked() async throws {
    let ground = try Ground()
    let images = Self.images(ground)
    #expect(try images.current() == nil)
    let file = try Self.small.write(in: ground.folder)
    let image = try await images.set(file.path, sha256: file.sha256.uppercased())
    #expect(image.sha256 == file.sha256 && image.entries == 5 && image.leftOut == 4)
    #expect(try images.current() == image)
    #expect(image.presentSettings == ["ssl/certs"])
    var status = stat()
    #expect(lstat("\(image.folder)/usr/bin/tool", &status) == 0)
    #expect(status.st_mode & 0o7777 == 0o500 && status.st_nlink == 2)
    #expect(lstat("\(image.folder)/usr/share/text", &status) == 0 && status.st_mode & 0o7777 == 0o400)
    for absent in ["dev", "home", "etc/shadow"] {
      #expect(!FileManager.default.fileExists(atPath: "\(image.folder)/\(absent)"))
    }
    // Another one takes its place, and nothing is left of the first.
    var next = Self.small
    next.add("usr/bin/more", content: [2])
    let other = try next.write(in: ground.folder)
    let newer = try await images.set(other.path, sha256: other.sha256)
    #expect(try images.current() == newer && newer.entries == 6)
    #expect(Self.names(ground).count { $0.hasPrefix("root-") } == 1)
    #expect(try images.remove())
    #expect(try images.current() == nil && Self.names(ground).isEmpty)
    #expect(try !images.remove())
  }

  @Test("an archive of another SHA-256 is refused, nothing of it is left, and what was used is used")
  func mismatch() async throws {
    let ground = try Ground()
    let images = Self.images(ground)
    let file = try Self.small.write(in: ground.folder)
    let wrong = String(repeating: "0", count: 64)
    await #expect(throws: SandboxError.imageMismatch(expected: wrong, actual: file.sha256)) {
      try await images.set(file.path, sha256: wrong)
    }
    #expect(Self.names(ground).isEmpty)
    let image = try await images.set(file.path, sha256: file.sha256)
    await #expect(throws: SandboxError.self) { try await images.set(file.path, sha256: wrong) }
    await #expect(throws: SandboxError.self) { try await images.set(file.path, sha256: "12") }
    #expect(try images.current() == image)
    #expect(Self.names(ground).count == 2)
  }

  @Test("an archive that would write elsewhere, or make what is no file, is refused whole")
  func hostile() async throws {
    let ground = try Ground()
    let images = Self.images(ground)
    let outside = ground.folder.appending(path: "outside")
    try FileManager.default.createDirectory(at: outside, withIntermediateDirectories: false)
    typealias Change = (inout TestArchive) -> Void
    let changes: [(String, Change)] = [
      ("a path upwards", { $0.add("usr/../../evil", content: [1]) }),
      ("an absolute path", { $0.add("/usr/evil", content: [1]) }),
      ("a device", { $0.add("usr/bin/device", kind: "3") }),
      ("a pipe", { $0.add("usr/bin/pipe", kind: "6") }),
      (
        "a link, and a file beyond it",
        {
          $0.add("usr/share/way", kind: "2", target: outside.path)
          $0.add("usr/share/way/evil", content: [1])
        }
      ),
      ("a second name of something outside", { $0.add("usr/bin/name", kind: "1", target: "/etc/passwd") }),
      ("a second name upwards", { $0.add("usr/bin/name", kind: "1", target: "../../note") }),
      ("a second name of what is left out", { $0.add("usr/bin/name", kind: "1", target: "etc/shadow") }),
    ]
    for (what, change) in changes {
      var archive = Self.small
      change(&archive)
      let file = try archive.write(in: ground.folder)
      await #expect(throws: SandboxError.self, "\(what)") {
        try await images.set(file.path, sha256: file.sha256)
      }
      #expect(Self.names(ground).isEmpty, "\(what)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: outside.path).isEmpty, "\(what)")
    }
    let empty = try TestArchive().write(in: ground.folder)
    await #expect(throws: SandboxError.self) { try await images.set(empty.path, sha256: empty.sha256) }
  }

  @Test("more than may be in an image does not come out of it")
  func bounds() throws {
    let ground = try Ground()
    let file = try Self.small.write(in: ground.folder)
    for (number, limits) in [
      ImageArchive.Limits(bytes: 5000, entries: 100), ImageArchive.Limits(bytes: 100_000, entries: 4),
    ].enumerated() {
      let target = ground.folder.appending(path: "target-\(number)").path
      try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: false)
      #expect(throws: SandboxError.self) {
        try ImageArchive(file: file.path, limits: limits).unpack(into: target)
      }
    }
  }

  @Test("an image that was changed is not used; one that was only touched is read anew, and is")
  func changed() async throws {
    let ground = try Ground()
    let images = Self.images(ground)
    let file = try Self.small.write(in: ground.folder)
    let image = try await images.set(file.path, sha256: file.sha256)
    let text = "\(image.folder)/usr/share/text"
    #expect(chmod(text, 0o600) == 0)
    let touched = try images.current()
    #expect(touched?.content == image.content && touched?.appearance != image.appearance)
    let handle = try #require(FileHandle(forWritingAtPath: text))
    try handle.write(contentsOf: Data("B".utf8))
    try handle.close()
    #expect(throws: SandboxError.imageChanged(image.folder)) { try images.current() }
    #expect(throws: SandboxError.imageChanged(image.folder)) { try images.current() }
    // It can be set again.
    let again = try await images.set(file.path, sha256: file.sha256)
    #expect(again.content == image.content)
    _ = try images.current()
  }

  @Test("a command finds the image in the place of this machine's programs, and cannot change it")
  func used() async throws {
    let ground = try Ground()
    var archive = TestArchive()
    let shell = try #require(realpath("/bin/sh", nil))
    defer { free(shell) }
    archive.add("usr/bin/sh", mode: 0o755, content: try Self.bytes(String(cString: shell)))
    archive.add("usr/share/only-here", content: Array("found\n".utf8))
    archive.add("bin", kind: "2", target: "usr/bin")
    for library in try Self.libraries(of: String(cString: shell)) {
      archive.add(String(library.dropFirst()), mode: 0o755, content: try Self.bytes(library))
    }
    let file = try archive.write(in: ground.folder)
    ground.profile.root = try await Self.images(ground).set(file.path, sha256: file.sha256)
    let result = try await ground.shell(
      """
      while read -r line; do echo "$line"; done < /usr/share/only-here
      [ -e /usr/bin/env ] || echo alone
      echo x 2>/dev/null > /usr/share/only-here || echo unchanged
      """)
    #expect(result.standardOutput.text == "found\nalone\nunchanged\n", "\(result)")
    #expect(try Self.images(ground).current() == ground.profile.root)
  }

  private static func bytes(_ path: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(filePath: path)))
  }

  /// The libraries that a program is loaded with, its loader among them.
  private static func libraries(of program: String) throws -> [String] {
    let (process, output) = (Process(), Pipe())
    process.executableURL = URL(filePath: "/usr/bin/ldd")
    process.arguments = [program]
    process.standardOutput = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return text.split(whereSeparator: \.isWhitespace).map(String.init).filter { $0.hasPrefix("/") }
  }
}
