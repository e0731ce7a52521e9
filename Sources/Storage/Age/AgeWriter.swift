public import Foundation
public import SecretMemory

/// Seals what it is given to a passphrase, in the age format: Debian's `age -d` opens it. In memory for one part.
public final class AgeWriter: ByteSink {
  private let sink: any ByteSink
  private var payload: AgePayload
  private var part = Data()

  /// Writes the header, which takes about a second.
  /// - Throws: ``AgeFault/notEnoughMemory(mebibytes:)``, or what `sink` throws.
  public convenience init(passphrase: borrowing SecretBytes, to sink: any ByteSink) throws {
    try self.init(passphrase: passphrase, logarithm: AgeScrypt.usual, to: sink)
  }

  init(passphrase: borrowing SecretBytes, logarithm: Int, to sink: any ByteSink) throws {
    self.sink = sink
    let fileKey = SecretBytes.random(count: AgeScrypt.fileKeySize)
    let scrypt = AgeScrypt(salt: RandomBytes.make(AgeScrypt.saltSize), logarithm: logarithm)
    let nonce = RandomBytes.make(AgePayload.nonceSize)
    payload = AgePayload(fileKey, nonce: nonce)
    let header = try AgeHeader(fileKey, scrypt: scrypt, passphrase: passphrase)
    try sink.write(header.encoded + nonce)
  }

  public func write(_ bytes: Data) throws {
    var rest = bytes
    while !rest.isEmpty {
      // A full part goes out when something follows it: only then is it not the last one.
      if part.count == AgePayload.partSize { try flush(isLast: false) }
      let count = min(rest.count, AgePayload.partSize - part.count)
      part.append(rest.prefix(count))
      rest = rest.dropFirst(count)
    }
  }

  /// Writes the end. Without it nobody takes the file for whole.
  public func finish() throws { try flush(isLast: true) }

  private func flush(isLast: Bool) throws {
    try sink.write(payload.seal(part, isLast: isLast))
    part.removeAll(keepingCapacity: true)
  }
}
