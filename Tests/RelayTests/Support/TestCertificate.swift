import Foundation
import NIOSSL
import Relay

/// A certificate for the test's relay, made by `openssl`, that is gone with the value.
final class TestCertificate: Sendable {
  let folder: URL
  var files: RelaySettings.CertificateFiles {
    .init(certificate: folder.appending(path: "chain.pem").path, key: folder.appending(path: "key.pem").path)
  }

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(
      path: "osr-tls-\(UInt32.random(in: .min ... .max))")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    try renew()
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  /// Puts another certificate in the place of this one.
  func renew() throws {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [
      "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
      "2",
      "-subj", "/CN=\(RelayLab.domain)", "-addext", "subjectAltName=DNS:\(RelayLab.domain)", "-keyout",
      files.key,
      "-out", files.certificate,
    ]
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw CocoaError(.executableLoad) }
  }

  /// What a client needs that trusts this certificate alone.
  func client() throws -> NIOSSLContext {
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.trustRoots = .file(files.certificate)
    return try NIOSSLContext(configuration: configuration)
  }
}
