import Foundation
import TestSupport
import Testing

@testable import Sandbox

/// A server on this machine's loopback that stands for one on the internet: over TLS, with an index of Python packages, a registry of
/// npm's, and a page. It ends with this value, or with the tests.
final class PackageServer {
  static let name = "packages.test.example"
  static let package = "osaurus-trial"

  let authority: TestAuthority
  private let server: PythonServer
  var port: Int { server.port }

  init() throws {
    authority = try TestAuthority()
    let files = try authority.issue("packages", for: [Self.name])
    server = try PythonServer(Self.program, [files.certificate, files.key, Self.name])
  }

  var address: String { "https://\(Self.name):\(port)" }

  /// Lets an agent's commands reach it, trust it, and take their packages from it.
  func open(_ profile: inout SandboxProfile) throws {
    let loopback = try #require(InternetAddress("127.0.0.1"))
    profile.network = .egress(try EgressPolicy("\(Self.name):\(port)"))
    profile.egress = EgressSurroundings(
      resolver: ToldResolver([["127.0.0.1"]]), rule: AddressRule(besides: [loopback]))
    try profile.places.prepare()
    let (home, place) = (profile.places.homeFolder, profile.places.home)
    try FileManager.default.copyItem(
      atPath: authority.file, toPath: home.appending(path: "authority.pem").path)
    try FileManager.default.createDirectory(
      at: home.appending(path: ".config/pip"), withIntermediateDirectories: true)
    try Data("[global]\nindex-url = \(address)/simple/\ncert = \(place)/authority.pem\n".utf8).write(
      to: home.appending(path: ".config/pip/pip.conf"))
    try Data("registry=\(address)/\ncafile=\(place)/authority.pem\n".utf8).write(
      to: home.appending(path: ".npmrc"))
  }

  private static let program = #"""
    import base64, hashlib, io, json, tarfile, zipfile
    certificate, key, name = sys.argv[1:4]

    wheel = io.BytesIO()
    info = "osaurus_trial-1.0.dist-info/"
    files = {
      "osaurus_trial.py": "answer = 'out of the wheel'\n",
      info + "METADATA": "Metadata-Version: 2.1\nName: osaurus-trial\nVersion: 1.0\n",
      info + "WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[info + "RECORD"] = "".join(path + ",,\n" for path in [*files, info + "RECORD"])
    with zipfile.ZipFile(wheel, "w") as archive:
      for path, text in files.items(): archive.writestr(path, text)
    wheel = wheel.getvalue()

    package = io.BytesIO()
    with tarfile.open(fileobj=package, mode="w:gz") as archive:
      for path, text in {
        "package.json": json.dumps({"name": "osaurus-trial", "version": "1.0.0", "main": "index.js"}),
        "index.js": "module.exports = 'out of the package'\n",
      }.items():
        entry = tarfile.TarInfo("package/" + path)
        entry.size, entry.mode = len(text), 0o644
        archive.addfile(entry, io.BytesIO(text.encode()))
    package = package.getvalue()

    class Answers(http.server.BaseHTTPRequestHandler):
      protocol_version = "HTTP/1.1"
      def do_GET(self):
        here = "https://%s:%d" % (name, self.server.server_address[1])
        digest = hashlib.sha256(wheel).hexdigest()
        integrity = "sha512-" + base64.b64encode(hashlib.sha512(package).digest()).decode()
        tarball = "/osaurus-trial/-/osaurus-trial-1.0.0.tgz"
        version = {"name": "osaurus-trial", "version": "1.0.0", "dist": {"tarball": here + tarball, "integrity": integrity}}
        found = {
          "/page": ("text/plain", b"hello\n"),
          "/simple/osaurus-trial/": ("text/html",
            ('<!DOCTYPE html><html><body><a href="/osaurus_trial-1.0-py3-none-any.whl#sha256=%s">'
             'osaurus_trial-1.0-py3-none-any.whl</a></body></html>' % digest).encode()),
          "/osaurus_trial-1.0-py3-none-any.whl": ("application/octet-stream", wheel),
          "/osaurus-trial": ("application/json", json.dumps(
            {"name": "osaurus-trial", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}).encode()),
          tarball: ("application/octet-stream", package),
        }.get(self.path)
        self.send_response(404 if found is None else 200)
        kind, body = found or ("text/plain", b"")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
      def log_message(self, *words): pass

    serve(Answers, certificate, key)
    """#
}

/// A server that a test writes in Python, on a port of loopback that was free. It ends with this value, or with the tests.
final class PythonServer {
  let port: Int
  private let process = Process()
  private let input = Pipe()

  /// - Parameter program: it calls `serve` with what answers, and with the files of a certificate and its key where it is to
  ///   speak TLS. Its arguments follow the first one of `sys.argv`.
  init(_ program: String, _ arguments: [String]) throws {
    let output = Pipe()
    process.executableURL = URL(filePath: "/usr/bin/python3")
    process.arguments = ["-c", Self.beginning + program] + arguments
    (process.standardInput, process.standardOutput) = (input, output)
    process.standardError = FileHandle.nullDevice
    try process.run()
    let said = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    port = try #require(Int(said.trimmingCharacters(in: .whitespacesAndNewlines)))
  }

  deinit {
    // Threads of tasks keep signals from what they start, but not this one.
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  private static let beginning = """
    import http.server, os, ssl, sys, threading
    def serve(answers, certificate=None, key=None):
      server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), answers)
      if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
      def last(): sys.stdin.read(); os._exit(0)
      threading.Thread(target=last, daemon=True).start()
      print(server.server_address[1], flush=True)
      server.serve_forever()

    """
}
