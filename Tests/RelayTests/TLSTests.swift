import Foundation
import Logging
import NIOCore
import NIOHTTP1
import NIOSSL
import Testing

@testable import Relay

/// A relay that encrypts connections itself.
@Suite("TLS of a relay", .timeLimit(.minutes(2)))
struct TLSTests {
  @Test("callers are served under the relay's certificate, and never in the clear")
  func serves() async throws {
    let certificate = try TestCertificate()
    try await RelayLab.run(RelayLab.settings { $0.certificate = certificate.files }) { lab in
      var caller = try await Caller.connect(lab, tls: try certificate.client())
      try await caller.send(.GET, "/health")
      #expect(try await caller.answer().text == #"{"status":"ok","tunnels":0}"#)
      var plain = try await RawCaller.connect(lab)
      try await plain.send("GET /health HTTP/1.1\r\nhost: relay.test\r\n\r\n")
      #expect(await !plain.rest().text.contains("HTTP"))
    }
  }

  @Test("a new certificate is used from the next connection on, and half of one is not")
  func renewal() throws {
    let certificate = try TestCertificate()
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let source = try CertificateSource(certificate.files, logger: logger)
    let first = source.context
    #expect(!source.refresh() && source.context === first)
    try Data("half".utf8).write(to: URL(filePath: certificate.files.certificate))
    #expect(!source.refresh() && source.context === first)
    try certificate.renew()
    #expect(source.refresh() && source.context !== first)
  }

  @Test("files that are no certificate are refused before anything is served")
  func unusable() throws {
    let missing = RelaySettings.CertificateFiles(certificate: "/nowhere/chain.pem", key: "/nowhere/key.pem")
    #expect(throws: RelayError.self) { try CertificateSource(missing, logger: Logger(label: "test")) }
  }
}
