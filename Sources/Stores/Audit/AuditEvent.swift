public import Foundation
public import Identity

/// Something that was run, or refused: what a record of the audit says beside its number. It has no code, no output and
/// no secret. Every text in it is short, and on one line.
public struct AuditEvent: Hashable, Sendable {
  /// What happened.
  public enum Kind: UInt8, CaseIterable, Sendable {
    /// The audit is of this host and this identity from here on.
    case bound = 1
    /// A program is about to run.
    case begun = 2
    /// It ended.
    case ended = 3
    /// Something was not run.
    case refused = 4
    /// A tool was called that runs no program.
    case toolCall = 5
    /// A permission was granted or denied.
    case permission = 6
    /// The owner removed what was old.
    case pruned = 7
    /// A program in a sandbox asked for a connection.
    case connection = 8
  }

  /// Who wanted it.
  public enum Origin: UInt8, CaseIterable, Sendable {
    case host = 1
    case owner = 2
    case agent = 3
    case bridge = 4
    case plugin = 5
  }

  /// The most names of tools that are kept; of more, the last one says how many there are.
  public static let mostTools = 64
  /// Bytes of UTF-8 in a name or a reason.
  public static let longestText = 128

  public internal(set) var kind: Kind
  public internal(set) var origin: Origin
  /// Milliseconds since 1970.
  public internal(set) var time: Int64
  /// The agent that it is about; the host in a ``Kind/bound`` record.
  public internal(set) var subject: UUID?
  /// The agent's address, or the host's.
  public internal(set) var address: Address?
  public internal(set) var code: CodeDigest?
  /// The record of the beginning, in that of an end; the newest record that is gone, where old ones were removed.
  public internal(set) var about: Int64 = 0
  /// How long it took, in milliseconds.
  public internal(set) var duration: Int64 = 0
  /// The most memory that it had, in bytes; the bytes that went over a connection, both ways.
  public internal(set) var peakMemory: Int64 = 0
  public internal(set) var outcome = AuditOutcome.none
  /// The exit code, or the number of the signal.
  public internal(set) var exitCode: Int32 = 0
  /// Why it was refused, the name of the permission or the tool, or where a connection led.
  public internal(set) var reason = ""
  public internal(set) var allowedTools: [String] = []
  public internal(set) var calledTools: [String] = []

  init(_ kind: Kind, by origin: Origin, at time: Int64) {
    self.kind = kind
    self.origin = origin
    self.time = time
  }

  private init(_ kind: Kind, _ origin: Origin, _ agent: UUID?, _ code: CodeDigest?, _ now: Date) {
    self.init(kind, by: origin, at: Self.milliseconds(now))
    subject = agent
    self.code = code
  }

  /// A program is about to run. It is written down before it does.
  public static func begun(
    _ origin: Origin, agent: UUID?, code: CodeDigest, allowedTools: [String] = [], now: Date = Date()
  ) -> AuditEvent {
    var event = AuditEvent(.begun, origin, agent, code, now)
    event.allowedTools = names(allowedTools)
    return event
  }

  /// What came of a program. Agent, address and code are those of its beginning.
  /// - Parameters:
  ///   - begun: the number of the record of its beginning.
  ///   - reason: why it was not started, where it was not.
  public static func ended(
    _ begun: Int64, by origin: Origin, outcome: AuditOutcome, exitCode: Int32 = 0,
    calledTools: [String] = [], duration: Duration, peakMemory: UInt64 = 0, reason: String = "",
    now: Date = Date()
  ) -> AuditEvent {
    var event = AuditEvent(.ended, origin, nil, nil, now)
    event.about = begun
    event.outcome = outcome
    event.exitCode = exitCode
    event.reason = text(reason)
    event.calledTools = names(calledTools)
    event.duration = milliseconds(duration)
    event.peakMemory = Int64(clamping: peakMemory)
    return event
  }

  /// Something was not run.
  /// - Parameter reason: a word or two that stay the same: no path, no secret, nothing of the code.
  public static func refused(
    _ origin: Origin, agent: UUID?, code: CodeDigest?, reason: String, now: Date = Date()
  ) -> AuditEvent {
    var event = AuditEvent(.refused, origin, agent, code, now)
    event.outcome = .refused
    event.reason = text(reason)
    return event
  }

  /// A tool was called that runs no program.
  /// - Parameter code: the digest of its arguments, if it is to be told from other calls.
  public static func toolCall(
    _ origin: Origin, agent: UUID?, tool: String, code: CodeDigest? = nil, outcome: AuditOutcome,
    duration: Duration, now: Date = Date()
  ) -> AuditEvent {
    var event = AuditEvent(.toolCall, origin, agent, code, now)
    event.outcome = outcome
    event.reason = text(tool)
    event.duration = milliseconds(duration)
    return event
  }

  /// A permission was granted or denied.
  /// - Parameter name: which.
  public static func permission(
    _ origin: Origin, agent: UUID?, name: String, outcome: AuditOutcome, code: CodeDigest? = nil,
    now: Date = Date()
  ) -> AuditEvent {
    var event = AuditEvent(.permission, origin, agent, code, now)
    event.outcome = outcome
    event.reason = text(name)
    return event
  }

  /// A program in a sandbox asked for a connection, which is over.
  /// - Parameters:
  ///   - place: what became of it, in a word, and the host and the port.
  ///   - bytes: how many went over it, both ways.
  public static func connection(
    _ origin: Origin, agent: UUID?, place: String, outcome: AuditOutcome, bytes: UInt64, duration: Duration,
    now: Date = Date()
  ) -> AuditEvent {
    var event = AuditEvent(.connection, origin, agent, nil, now)
    event.outcome = outcome
    event.reason = text(place)
    event.duration = milliseconds(duration)
    event.peakMemory = Int64(clamping: bytes)
    return event
  }

  // MARK: Bounds

  static func milliseconds(_ date: Date) -> Int64 {
    Int64(max(0, min(date.timeIntervalSince1970 * 1000, 253_402_300_800_000)).rounded(.down))
  }

  private static func milliseconds(_ duration: Duration) -> Int64 {
    Int64(max(0, min(duration / .milliseconds(1), 1e15)).rounded(.down))
  }

  /// `text` on one line and no longer than may be.
  static func text(_ text: String) -> String {
    var kept = String.UnicodeScalarView()
    var bytes = 0
    for scalar in text.unicodeScalars {
      let shown = scalar.value < 0x20 || scalar.value == 0x7f ? "\u{FFFD}" : scalar
      bytes += UTF8.width(shown)
      guard bytes <= longestText else { break }
      kept.append(shown)
    }
    return String(kept)
  }

  private static func names(_ all: [String]) -> [String] {
    guard all.count > mostTools else { return all.map(text) }
    return all.prefix(mostTools - 1).map(text) + ["and \(all.count - mostTools + 1) more"]
  }
}

/// What came of it.
public enum AuditOutcome: UInt8, CaseIterable, Sendable {
  case none = 0
  /// It ended by itself; the exit code says how.
  case exited = 1
  /// A signal ended it.
  case signalled = 2
  /// It was ended at a limit.
  case timeLimit = 3
  case memory = 4
  case processes = 5
  case disk = 6
  case output = 7
  /// Somebody asked for its end.
  case cancelled = 8
  /// The service stopped.
  case serviceEnded = 9
  /// It could not be started.
  case notStarted = 10
  case refused = 11
  case granted = 12
  case denied = 13
  /// A call of a tool went well, or did not.
  case succeeded = 14
  case failed = 15
}

extension AuditOutcome {
  /// As it is written in JSON.
  public var name: String { "\(self)" }

  public init?(name: String) {
    guard let outcome = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = outcome
  }
}
