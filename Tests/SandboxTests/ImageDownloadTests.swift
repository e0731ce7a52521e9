import AsyncHTTPClient
import Foundation
import NIOCore
import NIOSSL
import Synchronization
import TestSupport
import Testing

@testable import Sandbox

@Suite("A root image from an address", .timeLimit(.minutes(10)))
struct ImageDownloadTests {
  /// A ground with a server, an image that it offers, and the folder of images.
  private final class Place {
    let ground: Ground
    let server: ImageServer
    let sha256: String
    let images: RootImages

    init(encrypted: Bool = false, _ archive: TestArchive = RootImageTests.small) throws {
      ground = try Ground()
      let file = try archive.write(in: ground.folder)
      sha256 = file.sha256
      server = try ImageServer(file.path, encrypted: encrypted)
      images = RootImages(in: ground.folder.appending(path: "sandbox"))
    }

    func fetch(
      _ path: String, sha256: String? = nil, most: Int? = nil,
      progress: @escaping ImageDownload.Progress = { _, _ in }
    ) async throws -> RootImage {
      try await server.withClient { client in
        var download = ImageDownload(client: client)
        if let most { download.most = most }
        return try await images.fetch(
          ImageAddress(server.address + path), sha256: sha256 ?? self.sha256, with: download,
          progress: progress)
      }
    }

    var names: [String] { RootImageTests.names(ground) }
  }

  @Test(
    "is downloaded into a file that is its owner's alone, compared and unpacked", arguments: [false, true])
  func downloaded(encrypted: Bool) async throws {
    let place = try Place(encrypted: encrypted)
    let folder = place.ground.folder.appending(path: "sandbox/images").path
    let modes = Mutex<Set<mode_t>>([])
    let image = try await place.fetch("/image") { bytes, all in
      #expect(bytes > 0 && all ?? 0 >= bytes)
      for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
        var status = stat()
        if lstat("\(folder)/\(name)", &status) == 0 {
          modes.withLock { _ = $0.insert(status.st_mode & 0o7777) }
        }
      }
    }
    #expect(modes.withLock { $0 } == [0o600])
    #expect(image.entries == 5 && image.sha256 == place.sha256)
    #expect(try place.images.current() == image)
    #expect(place.names.count { $0.hasPrefix("part-") } == 0)
    // Also from where the server sends on to, on the same footing.
    #expect(try await place.fetch("/moved").content == image.content)
  }

  @Test("that is another one is deleted before anything is unpacked, is asked for once, and nothing changes")
  func mismatch() async throws {
    let place = try Place(encrypted: true)
    let wrong = String(repeating: "0", count: 64)
    await #expect(throws: SandboxError.imageMismatch(expected: wrong, actual: place.sha256)) {
      try await place.fetch("/image", sha256: wrong)
    }
    #expect(place.names.isEmpty)
    #expect(try await place.server.asked() == ["/image"])
    let image = try await place.fetch("/image")
    await #expect(throws: SandboxError.self) { try await place.fetch("/moved", sha256: wrong) }
    #expect(try place.images.current() == image)
    #expect(place.names.count == 2)
  }

  @Test(
    "is not taken where the server cuts it off, says too much, or sends on for ever, to nowhere or to where all can read it",
    arguments: [
      "/cut", "/cut-in-pieces", "/claims", "/endless", "/loop", "/nowhere", "/plain", "/file", "/gone",
      "/user",
    ])
  func refused(path: String) async throws {
    let place = try Place(encrypted: true)
    await #expect(throws: SandboxError.self) { try await place.fetch(path, most: 1 << 20) }
    #expect(place.names.isEmpty)
    let asked = try await place.server.asked()
    #expect(asked.count == (path == "/loop" ? 1 + ImageDownload.mostRedirections : 1))
    #expect(Set(asked) == [path])
  }

  @Test("is not taken from a server that nobody vouches for")
  func untrusted() async throws {
    let place = try Place(encrypted: true)
    let address = try ImageAddress(place.server.address + "/image")
    await #expect(throws: SandboxError.self) { try await place.images.fetch(address, sha256: place.sha256) }
    #expect(place.names.isEmpty)
    #expect(try await place.server.asked().isEmpty)
  }

  @Test("has an address that is encrypted, or on this machine, and tells no password")
  func addresses() throws {
    for text in [
      "https://example.org/image.tar", "https://example.org:8443/a?b=c", "http://127.0.0.1:80/x",
      "http://[::1]/x",
      "http://localhost/x",
    ] {
      #expect(throws: Never.self, "\(text)") { try ImageAddress(text) }
    }
    for text in [
      "http://example.org/image.tar", "ftp://example.org/x", "file:///etc/passwd", "https://", "https:///x",
      "https://a b/x",
      "https://me:secret@example.org/x", "https://me@example.org/x", "https://example.org/x#y",
      "http://127.0.0.1.example.org/x", "http://localhost@example.org/x", "https://example.org/\u{0}",
      "https://example.org/\n", "data:text/plain,x",
    ] {
      let error = #expect(throws: SandboxError.self, "\(text)") { try ImageAddress(text) }
      #expect(error?.description.contains("secret") == false)
    }
    #expect(try "\(ImageAddress("https://example.org/a?key=secret"))" == "https://example.org/a")
  }

  @Test("that would be more than may be is not unpacked to its end, however small it is packed")
  func bombs() async throws {
    let ground = try Ground()
    var images = RootImages(in: ground.folder.appending(path: "sandbox"))
    images.limits.bytes = 1 << 20
    var archive = RootImageTests.small
    archive.add("usr/share/zeros", content: [UInt8](repeating: 0, count: 48 << 20))
    let plain = try archive.write(in: ground.folder)
    for packing in [["gzip", "-9"], ["xz", "-1"], ["zstd"], SquashedImageTests.packing]
    where Packed.isThere(packing) {
      let packed = try Packed(plain.path, by: packing)
      #expect(packed.size < 1 << 20)
      await #expect(throws: SandboxError.self, "\(packing)") {
        try await images.set(packed.path, sha256: packed.sha256)
      }
      #expect(RootImageTests.names(ground).isEmpty, "\(packing)")
    }
  }
}

@Suite("A root image of squashfs", .timeLimit(.minutes(10)))
struct SquashedImageTests {
  /// Turns an archive into one.
  static let packing = ["tar2sqfs", "-q", "-f"]

  @Test("is unpacked as an archive of the same files is, without what has no place in a sandbox")
  func unpacked() async throws {
    let ground = try Ground()
    let images = RootImages(in: ground.folder.appending(path: "sandbox"))
    let file = try RootImageTests.small.write(in: ground.folder)
    let plain = try await images.set(file.path, sha256: file.sha256)
    let packed = try Packed(file.path, by: Self.packing)
    let image = try await images.set(packed.path, sha256: packed.sha256)
    #expect(image.content == plain.content && image.bytes == plain.bytes)
    #expect(try images.current() == image)
    var status = stat()
    #expect(lstat("\(image.folder)/usr/bin/tool", &status) == 0)
    #expect(status.st_mode & 0o7777 == 0o500 && status.st_nlink == 2)
    #expect(!FileManager.default.fileExists(atPath: "\(image.folder)/dev"))
    #expect(RootImageTests.names(ground).count { !$0.hasPrefix("root-") } == 1)
  }

  @Test(
    "with a device or a pipe among the programs, of another SHA-256, cut off, or of chance, is refused whole")
  func hostile() async throws {
    let ground = try Ground()
    let images = RootImages(in: ground.folder.appending(path: "sandbox"))
    for kind: Character in ["3", "6"] {
      var archive = RootImageTests.small
      archive.add("usr/bin/odd", kind: kind)
      let packed = try Packed(archive.write(in: ground.folder).path, by: Self.packing)
      await #expect(throws: SandboxError.self) { try await images.set(packed.path, sha256: packed.sha256) }
      #expect(RootImageTests.names(ground).isEmpty)
    }
    let good = try Packed(RootImageTests.small.write(in: ground.folder).path, by: Self.packing)
    let wrong = String(repeating: "0", count: 64)
    await #expect(throws: SandboxError.imageMismatch(expected: wrong, actual: good.sha256)) {
      try await images.set(good.path, sha256: wrong)
    }
    let bytes = [UInt8](try Data(contentsOf: URL(filePath: good.path)))
    for broken in [
      Array(bytes.prefix(4)), Array(bytes.prefix(200)),
      Array(bytes.prefix(4)) + (0..<4096).map { _ in .random(in: 0...255) },
    ] {
      let file = ground.folder.appending(path: "broken")
      try Data(broken).write(to: file)
      await #expect(throws: SandboxError.self) {
        try await images.set(file.path, sha256: Packed.sha256(of: file.path))
      }
      #expect(RootImageTests.names(ground).isEmpty)
    }
  }

  @Test("whose links lead out leads nowhere but inside")
  func links() async throws {
    let ground = try Ground()
    let images = RootImages(in: ground.folder.appending(path: "sandbox"))
    var archive = RootImageTests.small
    archive.add("usr/share/way", kind: "2", target: ground.folder.path)
    archive.add("usr/share/up", kind: "2", target: "../../../../../../..")
    let packed = try Packed(archive.write(in: ground.folder).path, by: Self.packing)
    let image = try await images.set(packed.path, sha256: packed.sha256)
    let target = try FileManager.default.destinationOfSymbolicLink(atPath: "\(image.folder)/usr/share/way")
    #expect(target == ground.folder.path)
    #expect(image.entries >= 7)
  }
}

/// What a program makes of an archive.
private struct Packed {
  let path: String
  let sha256: String
  var size: Int { (try? Data(contentsOf: URL(filePath: path)).count) ?? 0 }

  static func isThere(_ packing: [String]) -> Bool {
    ["/usr/bin", "/bin"].contains { access("\($0)/\(packing[0])", X_OK) == 0 }
  }

  /// - Parameter packing: a program that reads the archive and writes what it makes of it, or into the file that is its last word.
  init(_ file: String, by packing: [String]) throws {
    path = "\(file).\(packing[0])"
    try #require(Self.isThere(packing), "\(packing[0]) is not installed: run scripts/setup")
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    let isSquashed = packing == SquashedImageTests.packing
    process.arguments = packing + (isSquashed ? [path] : [])
    process.standardInput = try FileHandle(forReadingFrom: URL(filePath: file))
    if !isSquashed {
      try Data().write(to: URL(filePath: path))
      process.standardOutput = try FileHandle(forWritingTo: URL(filePath: path))
    }
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "\(packing)")
    sha256 = try Self.sha256(of: path)
  }

  static func sha256(of path: String) throws -> String {
    try TestArchive.sha256(Data(contentsOf: URL(filePath: path)))
  }
}

/// A server that offers an image in many ways, all but one of them wrong.
private final class ImageServer {
  private let authority: TestAuthority?
  private let server: PythonServer

  init(_ file: String, encrypted: Bool) throws {
    authority = encrypted ? try TestAuthority() : nil
    let files = try authority?.issue("images", for: ["127.0.0.1"])
    server = try PythonServer(Self.program, [file, files?.certificate ?? "", files?.key ?? ""])
  }

  var address: String { "http\(authority == nil ? "" : "s")://127.0.0.1:\(server.port)" }

  /// A client that trusts the server.
  func withClient<R>(_ body: (HTTPClient) async throws -> R) async throws -> R {
    var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
    configuration.httpVersion = .http1Only
    if let authority {
      var tls = TLSConfiguration.makeClientConfiguration()
      tls.trustRoots = .file(authority.file)
      configuration.tlsConfiguration = tls
    }
    let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    let result: Result<R, any Error>
    do { result = .success(try await body(client)) } catch { result = .failure(error) }
    try await client.shutdown()
    return try result.get()
  }

  /// What was asked for until now.
  func asked() async throws -> [String] {
    try await withClient { client in
      let answer = try await client.execute(HTTPClientRequest(url: address + "/asked"), timeout: .seconds(60))
      let text = String(buffer: try await answer.body.collect(upTo: 1 << 16))
      return text.split(separator: "\n").map(String.init)
    }
  }

  private static let program = #"""
    file, certificate, key = sys.argv[1:4]
    image = open(file, "rb").read()
    asked = []

    class Answers(http.server.BaseHTTPRequestHandler):
      protocol_version = "HTTP/1.1"
      def answer(self, status, headers, body=b""):
        self.send_response(status)
        for name, value in headers.items(): self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
      def do_GET(self):
        path = self.path
        if path == "/asked":
          said = "\n".join(asked).encode()
          return self.answer(200, {"Content-Length": len(said)}, said)
        asked.append(path)
        if path == "/image": return self.answer(200, {"Content-Length": len(image)}, image)
        here = "127.0.0.1:%d" % self.server.server_address[1]
        targets = {"/moved": "/image", "/loop": "/loop", "/plain": "http://%s/image" % here,
          "/file": "file:///etc/passwd", "/user": "https://me:secret@%s/image" % here}
        if path in targets: return self.answer(302, {"Location": targets[path], "Content-Length": 0})
        if path == "/nowhere": return self.answer(302, {"Content-Length": 0})
        if path == "/gone": return self.answer(404, {"Content-Length": 0})
        self.close_connection = True
        if path == "/cut": self.answer(200, {"Content-Length": len(image)}, image[:len(image) // 2])
        if path == "/claims": self.answer(200, {"Content-Length": 1 << 40})
        if path == "/cut-in-pieces":
          self.answer(200, {"Transfer-Encoding": "chunked"}, b"400\r\n" + image[:0x400] + b"\r\n")
        if path == "/endless":
          self.answer(200, {"Connection": "close"})
          try:
            while True: self.wfile.write(bytes(1 << 16))
          except OSError: pass
      def log_message(self, *words): pass

    serve(Answers, certificate, key)
    """#
}
