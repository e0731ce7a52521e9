import Foundation

/// nginx in front of a host's plaintext routes: TLS 1.3 alone, no resumption, on loopback, with a certificate and a
/// folder that go with it.
final class Nginx {
  let url: String
  /// The certificate, for clients to trust.
  let certificate: String

  private let process = Process()
  private let folder: URL

  /// Where nginx is; nil where there is none. `scripts/bench` fetches one without installing it.
  static var program: String? {
    let named = ProcessInfo.processInfo.environment["NGINX"]
    return [named, "/usr/sbin/nginx"].compactMap { $0 }.first(where: FileManager.default.isExecutableFile)
  }

  /// - Parameters:
  ///   - program: the path of nginx.
  ///   - host: the base URL of the host.
  init(program: String, before host: String) throws {
    folder = URL(filePath: "/tmp/osaurus-bench-nginx-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    certificate = folder.appending(path: "certificate.pem").path
    let key = folder.appending(path: "key.pem").path
    try Self.run(
      "/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
      "-days", "1", "-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out",
      certificate)
    let port = try Self.freePort()
    url = "https://127.0.0.1:\(port)"
    let configuration = folder.appending(path: "nginx.conf")
    try Data(Self.configuration(port: port, before: host, as: geteuid() == 0).utf8).write(to: configuration)
    process.executableURL = URL(filePath: program)
    process.arguments = ["-p", folder.path, "-e", "stderr", "-c", configuration.path]
    process.standardError = FileHandle.nullDevice
    try process.run()
    try Self.waitForPort(port)
  }

  func stop() {
    process.terminate()
    process.waitUntilExit()
    try? FileManager.default.removeItem(at: folder)
  }

  struct Failure: Error {
    let text: String
  }

  private static func configuration(port: Int, before host: String, as isRoot: Bool) -> String {
    let folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map { "\($0)_temp_path \($0);" }
    return """
      \(isRoot ? "user root;" : "")
      daemon off;
      pid nginx.pid;
      worker_processes auto;
      events { worker_connections 4096; }
      http {
        access_log off;
        \(folders.joined(separator: " "))
        keepalive_requests 1000000;
        upstream host { server \(host.dropFirst("http://".count)); keepalive 64; keepalive_requests 1000000; }
        server {
          listen 127.0.0.1:\(port) ssl backlog=1024;
          ssl_certificate certificate.pem;
          ssl_certificate_key key.pem;
          ssl_protocols TLSv1.3;
          ssl_session_cache off;
          ssl_session_tickets off;
          location = /nothing { return 204; }
          location / {
            proxy_pass http://host;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host \(host.dropFirst("http://".count));
            proxy_buffering off;
            proxy_read_timeout 600s;
          }
        }
      }
      """
  }

  private static func run(_ program: String, _ arguments: String...) throws {
    let process = Process()
    process.executableURL = URL(filePath: program)
    process.arguments = arguments
    process.standardError = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw Failure(text: "\(program) failed") }
  }

  /// A port that nobody listens on.
  private static func freePort() throws -> Int {
    try withSocket { descriptor in
      var address = Self.address(port: 0)
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      let result = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
        }
      }
      guard result else { throw Failure(text: "no free port") }
      return Int(UInt16(bigEndian: address.sin_port))
    }
  }

  private static func waitForPort(_ port: Int) throws {
    for _ in 0..<200 {
      let isThere = try withSocket { descriptor in
        var address = Self.address(port: port)
        return withUnsafePointer(to: &address) { pointer in
          pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
          }
        }
      }
      if isThere { return }
      usleep(20_000)
    }
    throw Failure(text: "nginx did not start")
  }

  private static func withSocket<R>(_ body: (Int32) throws -> R) throws -> R {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { throw Failure(text: "no socket") }
    defer { close(descriptor) }
    return try body(descriptor)
  }

  private static func address(port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return address
  }
}
