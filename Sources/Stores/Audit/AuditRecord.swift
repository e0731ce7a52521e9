import Foundation
import Identity

/// A record of the audit: what happened, and its number in the chain.
public struct AuditRecord: Hashable, Sendable {
  /// From 1 on, without a gap.
  public let sequence: Int64
  public let event: AuditEvent
}

// MARK: Bytes

extension AuditRecord {
  /// The bytes of everything but the lists and texts.
  private static let fixedCount = 115

  /// The bytes that are hashed: Docs/AUDIT.md names each.
  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Self.fixedCount + 64)
    func add(_ number: Int64) { withUnsafeBytes(of: number.bigEndian) { bytes += $0 } }
    func add(_ text: String) {
      let text = Array(text.utf8)
      bytes += [UInt8(truncatingIfNeeded: text.count >> 8), UInt8(truncatingIfNeeded: text.count)] + text
    }
    add(sequence)
    add(event.time)
    bytes += [event.kind.rawValue, event.origin.rawValue, event.outcome.rawValue]
    withUnsafeBytes(of: event.exitCode.bigEndian) { bytes += $0 }
    bytes += event.subject.map(Self.bytes) ?? [UInt8](repeating: 0, count: 16)
    bytes += event.address?.bytes ?? [UInt8](repeating: 0, count: 20)
    bytes += event.code?.bytes ?? [UInt8](repeating: 0, count: 32)
    for number in [event.about, event.duration, event.peakMemory] { add(number) }
    add(event.reason)
    for names in [event.allowedTools, event.calledTools] {
      bytes.append(UInt8(names.count))
      for name in names { add(name) }
    }
    return bytes
  }

  /// Reads the bytes of a record; nil for anything that no record would be written as.
  init?(bytes: [UInt8]) {
    var rest = bytes[...]
    func take(_ count: Int) -> ArraySlice<UInt8>? {
      guard rest.count >= count else { return nil }
      defer { rest = rest.dropFirst(count) }
      return rest.prefix(count)
    }
    func number() -> Int64? {
      take(8).map { $0.reduce(0) { $0 << 8 | Int64($1) } }
    }
    func text() -> String? {
      guard let size = take(2)?.reduce(0, { $0 << 8 | Int($1) }), size <= AuditEvent.longestText else {
        return nil
      }
      return take(size).flatMap { String(validating: $0, as: UTF8.self) }
    }
    func names() -> [String]? {
      guard let count = take(1)?.first, count <= AuditEvent.mostTools else { return nil }
      var names: [String] = []
      for _ in 0..<count {
        guard let name = text() else { return nil }
        names.append(name)
      }
      return names
    }
    guard let sequence = number(), let time = number(), let kinds = take(3).map(Array.init),
      let kind = AuditEvent.Kind(rawValue: kinds[0]), let origin = AuditEvent.Origin(rawValue: kinds[1]),
      let outcome = AuditOutcome(rawValue: kinds[2]), let code = take(4), let subject = take(16),
      let address = take(20), let digest = take(32), let about = number(), let duration = number(),
      let memory = number(), let reason = text(), let allowed = names(), let called = names(), rest.isEmpty
    else { return nil }
    var event = AuditEvent(kind, by: origin, at: time)
    event.outcome = outcome
    event.exitCode = Int32(bitPattern: code.reduce(0) { $0 << 8 | UInt32($1) })
    if subject.contains(where: { $0 != 0 }) { event.subject = Self.uuid(subject) }
    if address.contains(where: { $0 != 0 }) { event.address = Address(bytes: address) }
    if digest.contains(where: { $0 != 0 }) { event.code = CodeDigest(bytes: digest) }
    event.about = about
    event.duration = duration
    event.peakMemory = memory
    event.reason = reason
    event.allowedTools = allowed
    event.calledTools = called
    self.init(sequence: sequence, event: event)
    guard sequence > 0, min(time, about, duration, memory) >= 0, self.bytes == bytes else { return nil }
  }

  static func bytes(_ id: UUID) -> [UInt8] { withUnsafeBytes(of: id.uuid) { Array($0) } }

  private static func uuid(_ bytes: ArraySlice<UInt8>) -> UUID {
    var id = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)).uuid
    withUnsafeMutableBytes(of: &id) { $0.copyBytes(from: bytes) }
    return UUID(uuid: id)
  }
}

// MARK: JSON

extension AuditRecord: Encodable {
  enum CodingKeys: String, CodingKey {
    case sequence, time, at, kind, origin, outcome, exitCode, subject, address, code, about, durationMs
    case peakMemory, reason, allowedTools, calledTools
  }

  /// Everything that the bytes say, and the time in words besides.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(sequence, forKey: .sequence)
    try container.encode(event.time, forKey: .time)
    try container.encode(
      Date(timeIntervalSince1970: Double(event.time) / 1000).formatted(Self.words), forKey: .at)
    try container.encode("\(event.kind)", forKey: .kind)
    try container.encode("\(event.origin)", forKey: .origin)
    try container.encode("\(event.outcome)", forKey: .outcome)
    try container.encode(event.exitCode, forKey: .exitCode)
    try container.encodeIfPresent(event.subject, forKey: .subject)
    try container.encodeIfPresent(event.address?.checksummed, forKey: .address)
    try container.encodeIfPresent(event.code?.hex, forKey: .code)
    try container.encode(event.about, forKey: .about)
    try container.encode(event.duration, forKey: .durationMs)
    try container.encode(event.peakMemory, forKey: .peakMemory)
    try container.encode(event.reason, forKey: .reason)
    try container.encode(event.allowedTools, forKey: .allowedTools)
    try container.encode(event.calledTools, forKey: .calledTools)
  }

  private static let words = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
}
