public import Foundation
public import SecretMemory

/// Opens what was sealed to a passphrase in the age format. Each part is proven to be the next one of this file before a
/// byte of it is given; that the last one was the end is known when there is no more.
public final class AgeReader: ByteSource {
  private let source: any ByteSource
  private var payload: AgePayload
  private var sealed: Data
  private var opened = Data()
  private var isAtEnd = false

  /// Reads the header, and turns the passphrase into its key.
  /// - Throws: ``AgeFault``, or what `source` throws.
  public init(passphrase: borrowing SecretBytes, from source: any ByteSource) throws {
    self.source = source
    let fileKey = try AgeHeader(reading: source).open(with: passphrase)
    let nonce = try source.read(AgePayload.nonceSize)
    guard nonce.count == AgePayload.nonceSize else { throw AgeFault.alteredPart(0) }
    payload = AgePayload(fileKey, nonce: [UInt8](nonce))
    sealed = try source.read(AgePayload.partSize + AgePayload.tagSize)
  }

  public func read(_ count: Int) throws -> Data {
    while opened.count < count, !isAtEnd { opened.append(try next()) }
    let given = Data(opened.prefix(count))
    opened = Data(opened.dropFirst(count))
    return given
  }

  private func next() throws -> Data {
    // Only when nothing follows is a part the last one.
    let following = try source.read(AgePayload.partSize + AgePayload.tagSize)
    let part = try payload.open(sealed, isLast: following.isEmpty)
    sealed = following
    isAtEnd = following.isEmpty
    return part
  }
}
