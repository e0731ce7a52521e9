public import Foundation

/// Whoever issues the certificates of a test, made by `openssl`; it and all that it issued are gone with the value.
public final class TestAuthority: Sendable {
  public let folder: URL
  /// Its own certificate, in PEM: what has to be trusted.
  public var file: String { path("authority.pem") }

  /// A certificate with the chain to the authority, and its key, in PEM.
  public struct Files: Sendable {
    public let certificate: String
    public let key: String
  }

  public struct Failed: Error {
    let said: String
  }

  public init() throws {
    folder = FileManager.default.temporaryDirectory.appending(
      path: "osaurus-ca-\(UInt32.random(in: .min ... .max))")
    try FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
    try openssl(
      ["-subj", "/CN=An authority of tests", "-addext", "basicConstraints=critical,CA:TRUE"],
      Files(certificate: file, key: path("authority.key")))
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  /// Issues a certificate that is good for these names and addresses; one that was issued under the same label before is
  /// replaced.
  /// - Parameter files: where it goes, if not into a place of its own.
  @discardableResult
  public func issue(_ label: String, for names: [String], in files: Files? = nil) throws -> Files {
    let files = files ?? Files(certificate: path("\(label).pem"), key: path("\(label).key"))
    let alternatives = names.map { name in
      let isAddress = name.allSatisfy { $0.isNumber || $0 == "." } || name.contains(":")
      return "\(isAddress ? "IP" : "DNS"):\(name)"
    }
    // Beside the place where they are to be: whoever reads them must not see half of one.
    let made = Files(certificate: files.certificate + ".new", key: files.key + ".new")
    try openssl(
      [
        "-subj", "/CN=\(label)", "-CA", file, "-CAkey", path("authority.key"),
        "-addext", "subjectAltName=\(alternatives.joined(separator: ","))",
        "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth",
      ], made)
    for (new, old) in [(made.certificate, files.certificate), (made.key, files.key)] {
      guard rename(new, old) == 0 else { throw Failed(said: "rename") }
    }
    return files
  }

  private func path(_ name: String) -> String { folder.appending(path: name).path }

  private func openssl(_ arguments: [String], _ files: Files) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments =
      [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
        "2", "-keyout", files.key, "-out", files.certificate,
      ] + arguments
    let said = Pipe()
    (process.standardInput, process.standardOutput, process.standardError) = (
      FileHandle.nullDevice, FileHandle.nullDevice, said
    )
    try process.run()
    let text = String(decoding: (try? said.fileHandleForReading.readToEnd()) ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw Failed(said: text) }
  }
}
