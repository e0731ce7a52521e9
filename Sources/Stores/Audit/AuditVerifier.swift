import Foundation
import Identity

/// What is wrong with an audit, each with where it is.
public enum AuditFault: Hashable, Sendable {
  /// Records are not there.
  case missing(first: Int64, last: Int64)
  /// The newest records are not there, of which it is known that they were.
  case cutOff(after: Int64, last: Int64)
  /// There are more records than this host wrote.
  case surplus(after: Int64)
  /// A record was changed, exchanged with another, or put in.
  case changed(Int64)
  /// A record is filed under something else than what it says.
  case misfiled(Int64)
  /// What was signed is not what is there, though the records fit each other: they, or the signature, were written anew.
  case notAsSigned(after: Int64, through: Int64)
  /// A checkpoint was not signed by whose audit it is.
  case wrongSigner(Int64)
  /// The checkpoint that the chain goes on from is not there.
  case unfounded(Int64)
  /// The first record does not say whose audit this is.
  case unbound
  /// The audit is another host's, or another identity's.
  case foreign(AuditBinding)
  /// A record, or one before it, is another one than in an export that was made earlier.
  case notAsExported(Int64)

  /// A short name for scripts.
  public var code: String {
    switch self {
    case .missing: "missing"
    case .cutOff: "cut_off"
    case .surplus: "surplus"
    case .changed: "changed"
    case .misfiled: "misfiled"
    case .notAsSigned: "not_as_signed"
    case .wrongSigner: "wrong_signer"
    case .unfounded: "unfounded"
    case .unbound: "unbound"
    case .foreign: "foreign"
    case .notAsExported: "not_as_exported"
    }
  }

  /// The record that it is at.
  public var sequence: Int64 {
    switch self {
    case .missing(let first, _): first
    case .cutOff(let after, _), .notAsSigned(let after, _), .surplus(let after): after + 1
    case .changed(let sequence), .misfiled(let sequence), .wrongSigner(let sequence): sequence
    case .unfounded(let sequence), .notAsExported(let sequence): sequence
    case .unbound, .foreign: 0
    }
  }
}

extension AuditFault: CustomStringConvertible {
  public var description: String {
    switch self {
    case .missing(let first, let last):
      first == last ? "Record \(first) is missing." : "Records \(first) to \(last) are missing."
    case .cutOff(let after, let last):
      "There were records up to \(last), and those after \(after) are missing."
    case .surplus(let after): "There are records after \(after) that this host has not written."
    case .changed(let sequence):
      "The chain breaks at record \(sequence): it, or the one before it, is not as it was written, or not where it was."
    case .misfiled(let sequence): "Record \(sequence) is filed under something else than what it says."
    case .notAsSigned(let after, let through):
      "The signature at record \(through) is not of the records \(after + 1) to \(through) as they are there."
    case .wrongSigner(let sequence):
      "The signature at record \(sequence) is not that of the identity whose audit this is."
    case .unfounded(let sequence):
      "Everything up to record \(sequence) was removed, and no good signature is there for it."
    case .unbound: "The first record does not say whose audit this is."
    case .foreign(let binding):
      "The audit ends as that of the host \(binding.host) with the identity \(binding.signer), which is not this one."
    case .notAsExported(let sequence):
      "Record \(sequence), or one before it, is another one than in the export."
    }
  }
}

/// What a look at the whole audit came to.
public struct AuditReport: Hashable, Sendable {
  /// Whose it was, from which record on.
  public struct Owner: Hashable, Sendable {
    public let from: Int64
    public let binding: AuditBinding
  }

  public internal(set) var records = 0
  /// The newest record that was removed; 0 where none was.
  public internal(set) var floor: Int64 = 0
  /// The newest record.
  public internal(set) var last: Int64 = 0
  public internal(set) var checkpoints = 0
  /// The newest record that a good signature covers; 0 where there is none.
  public internal(set) var signedThrough: Int64 = 0
  public internal(set) var owners: [Owner] = []
  /// Beginnings without an end: what runs now, and what was cut short.
  public internal(set) var unended = 0
  /// At most ``AuditVerifier/mostFaults``.
  public internal(set) var faults: [AuditFault] = []

  /// Records after the newest signature.
  public var unsigned: Int64 { max(0, last - max(signedThrough, floor)) }
  public var isGood: Bool { faults.isEmpty }
}

/// Reads an audit from its beginning to its end and says what is wrong with it. It is given records and checkpoints in the order
/// of their numbers, each record before its checkpoint.
struct AuditVerifier {
  /// Faults that are named.
  static let mostFaults = 100

  /// A record as it is kept.
  struct Kept {
    let sequence: Int64
    let time: Int64
    let kind: Int64
    let subject: String?
    let bytes: [UInt8]
    let hash: [UInt8]
  }

  /// What is known beside records and checkpoints.
  struct Bounds {
    var last: Int64 = 0
    var floor: Int64 = 0
    var hash = AuditChain.beginning
    var binding: AuditBinding?
  }

  private(set) var report = AuditReport()
  private let bounds: Bounds
  private var binding: AuditBinding?
  /// The number of the record that was looked at last.
  private var sequence: Int64
  /// The hash that it has, and the one that it should have where that is another one.
  private var hash: [UInt8]
  private var otherHash: [UInt8]?
  /// Whether a good signature covers what was removed.
  private var isFounded = false
  /// Whether something was wrong since the newest good checkpoint, so that what follows is no news.
  private var isBroken = false
  private var open: Set<Int64> = []

  init(_ bounds: Bounds) {
    self.bounds = bounds
    (sequence, hash, binding) = (bounds.floor, bounds.hash, bounds.binding)
    report.floor = bounds.floor
    report.last = bounds.floor
    if bounds.floor > 0, let binding { report.owners = [.init(from: bounds.floor, binding: binding)] }
  }

  private mutating func add(_ fault: AuditFault) {
    isBroken = true
    if report.faults.count < Self.mostFaults { report.faults.append(fault) }
  }

  /// Takes the next record.
  mutating func take(_ row: Kept) {
    report.records += 1
    if row.sequence != sequence + 1 {
      add(.missing(first: sequence + 1, last: row.sequence - 1))
      // Its hash cannot be proven without the one before it; what follows can.
      otherHash = nil
    } else {
      let computed = AuditChain.hash(of: row.bytes, after: hash)
      let other = otherHash.map { AuditChain.hash(of: row.bytes, after: $0) }
      otherHash = nil
      if row.hash != computed, row.hash != other {
        add(.changed(row.sequence))
        otherHash = computed
      }
    }
    (sequence, hash) = (row.sequence, row.hash)
    report.last = row.sequence
    read(row)
  }

  private mutating func read(_ row: Kept) {
    guard let record = AuditRecord(bytes: row.bytes), record.sequence == row.sequence else {
      if report.faults.last != .changed(row.sequence) { add(.changed(row.sequence)) }
      return
    }
    let event = record.event
    if event.time != row.time || Int64(event.kind.rawValue) != row.kind
      || event.subject?.uuidString != row.subject
    {
      add(.misfiled(row.sequence))
    }
    switch event.kind {
    case .bound:
      guard let host = event.subject, let signer = event.address else { return add(.changed(row.sequence)) }
      let next = AuditBinding(host: host, signer: signer)
      binding = next
      report.owners.append(.init(from: row.sequence, binding: next))
    case .begun: open.insert(row.sequence)
    case .ended: open.remove(event.about)
    case .refused, .toolCall, .permission, .pruned, .connection: break
    }
    if row.sequence == 1, event.kind != .bound { add(.unbound) }
  }

  /// Takes the checkpoint of the record that was taken last, or of what was removed.
  mutating func take(_ checkpoint: AuditCheckpoint) {
    report.checkpoints += 1
    // Its record is gone, which is named already, or was never there: then it is the end that was cut off.
    guard checkpoint.sequence == sequence else { return }
    let isFoundation = checkpoint.sequence == bounds.floor
    guard checkpoint.signer == binding?.signer, checkpoint.host == binding?.host else {
      return add(.wrongSigner(checkpoint.sequence))
    }
    let isGood =
      checkpoint.isSigned(over: hash)
      // A hash that was changed, alone, is not the one that was signed.
      || otherHash.map { checkpoint.isSigned(over: $0) } == true
    if isGood {
      report.signedThrough = checkpoint.sequence
      isBroken = false
      isFounded = isFounded || isFoundation
    } else if !isBroken, !isFoundation {
      add(.notAsSigned(after: max(report.signedThrough, bounds.floor), through: checkpoint.sequence))
    }
  }

  /// What all of it came to.
  /// - Parameters:
  ///   - newest: the number of the newest checkpoint.
  ///   - own: whose the audit has to be now; nil where it may be anybody's.
  func finished(newest: Int64, own: AuditBinding?) -> AuditReport {
    var end = self
    let known = max(bounds.last, newest)
    if known > sequence { end.add(.cutOff(after: sequence, last: known)) }
    if sequence > bounds.last { end.add(.surplus(after: bounds.last)) }
    if bounds.floor > 0, !isFounded { end.add(.unfounded(bounds.floor)) }
    if let own, let binding, binding != own { end.add(.foreign(binding)) }
    end.report.unended = open.count
    return end.report
  }
}
