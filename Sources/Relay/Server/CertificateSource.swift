import Foundation
import Logging
import NIOSSL
import Synchronization

/// A certificate and its key as they lie in their files, and read anew when these change.
final class CertificateSource: Sendable {
  private struct Stamp: Hashable {
    let modified: [Date?]
    let size: [Int?]
  }

  private struct State {
    var context: NIOSSLContext
    var stamp: Stamp
  }

  private let files: RelaySettings.CertificateFiles
  private let logger: Logger
  private let state: Mutex<State>

  /// - Throws: ``RelayError/certificateUnusable(path:reason:)``.
  init(_ files: RelaySettings.CertificateFiles, logger: Logger) throws(RelayError) {
    self.files = files
    self.logger = logger
    // The stamp comes first: what changes while the files are read is read again.
    let stamp = Self.stamp(files)
    state = Mutex(State(context: try Self.load(files), stamp: stamp))
  }

  /// For the next connection.
  var context: NIOSSLContext { state.withLock { $0.context } }

  /// Reads the files again if they have changed. A pair that cannot be used, such as one of which only a half is there yet, is
  /// said in the log, and the old one stays.
  /// - Returns: Whether there is a new certificate.
  @discardableResult
  func refresh() -> Bool {
    let stamp = Self.stamp(files)
    guard state.withLock({ $0.stamp != stamp }) else { return false }
    do {
      let context = try Self.load(files)
      state.withLock { $0 = State(context: context, stamp: stamp) }
      logger.info("the certificate was read anew")
      return true
    } catch {
      logger.warning(
        "the new certificate cannot be used; the old one stays", metadata: ["error": "\(error.sentence)"])
      return false
    }
  }

  private static func stamp(_ files: RelaySettings.CertificateFiles) -> Stamp {
    let attributes = [files.certificate, files.key].map { path in
      try? FileManager.default.attributesOfItem(atPath: URL(filePath: path).resolvingSymlinksInPath().path)
    }
    return Stamp(
      modified: attributes.map { $0?[.modificationDate] as? Date },
      size: attributes.map { ($0?[.size] as? NSNumber)?.intValue })
  }

  private static func load(_ files: RelaySettings.CertificateFiles) throws(RelayError) -> NIOSSLContext {
    do {
      let chain = try NIOSSLCertificate.fromPEMFile(files.certificate)
      let key = try NIOSSLPrivateKey(file: files.key, format: .pem)
      var configuration = TLSConfiguration.makeServerConfiguration(
        certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
      configuration.minimumTLSVersion = .tlsv12
      configuration.applicationProtocols = ["http/1.1"]
      return try NIOSSLContext(configuration: configuration)
    } catch {
      throw .certificateUnusable(path: files.certificate, reason: "\(error)")
    }
  }
}
