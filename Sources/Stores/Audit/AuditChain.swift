import Crypto
public import Foundation
public import Identity

/// How records hold together: each one's hash is of its bytes and of the hash before it.
enum AuditChain {
  private static let label = Array("osaurus-host audit record v1".utf8) + [0]
  /// What the first record goes on from.
  static let beginning = [UInt8](repeating: 0, count: 32)

  /// SHA-256(label ‖ 0 ‖ previous hash ‖ record).
  static func hash(of record: [UInt8], after previous: [UInt8]) -> [UInt8] {
    var hash = SHA256()
    for part in [label, previous, record] { hash.update(data: part) }
    return Array(hash.finalize())
  }
}

/// The host's signature over the chain up to a record, and so over everything before it.
struct AuditCheckpoint: Hashable, Sendable {
  let sequence: Int64
  /// Milliseconds since 1970.
  let time: Int64
  /// The host whose audit it is.
  let host: UUID
  /// Who is said to have signed it.
  let signer: Address
  let signature: [UInt8]

  /// The 64 bytes that are signed, in ``SigningDomain/audit``.
  static func payload(sequence: Int64, hash: [UInt8], time: Int64, host: UUID) -> [UInt8] {
    var payload: [UInt8] = []
    withUnsafeBytes(of: sequence.bigEndian) { payload += $0 }
    payload += hash
    withUnsafeBytes(of: time.bigEndian) { payload += $0 }
    return payload + AuditRecord.bytes(host)
  }

  init(
    sequence: Int64, time: Int64, host: UUID, signer: Address, signature: [UInt8]
  ) {
    self.sequence = sequence
    self.time = time
    self.host = host
    self.signer = signer
    self.signature = signature
  }

  /// Signs the chain up to the record with this hash.
  init(of sequence: Int64, hash: [UInt8], time: Int64, host: UUID, by key: SigningKey) {
    let payload = Self.payload(sequence: sequence, hash: hash, time: time, host: host)
    self.init(
      sequence: sequence, time: time, host: host, signer: key.address,
      signature: key.sign(payload, in: .audit).bytes)
  }

  /// Whether this was signed over a chain that ends with `hash`, by who is said to have signed it.
  func isSigned(over hash: [UInt8]) -> Bool {
    let payload = Self.payload(sequence: sequence, hash: hash, time: time, host: host)
    return RecoverableSignature(bytes: signature)?.recoverAddress(of: payload, in: .audit) == signer
  }
}

/// Whose audit it is.
public struct AuditBinding: Hashable, Sendable {
  /// The host's id.
  public let host: UUID
  /// The host's identity, which signs.
  public let signer: Address

  public init(host: UUID, signer: Address) {
    self.host = host
    self.signer = signer
  }
}
