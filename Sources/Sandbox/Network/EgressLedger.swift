import Foundation
import NIOCore

/// What is noted about one connection while it lasts. It belongs to the event loop of its channel.
final class EgressLedger {
  private let time = Date()
  private let start = NIODeadline.now()
  private var host = ""
  private var port: UInt16 = 0
  private var outcome = EgressRecord.Outcome.abandoned
  var address: InternetAddress?
  var sent: UInt64 = 0
  var received: UInt64 = 0

  func note(_ target: EgressTarget) {
    host = target.host.description
    port = target.port
  }

  /// Notes what was no target: its beginning, and nothing in it that would do something on a terminal.
  func note(malformed text: String) {
    host = String(text.unicodeScalars.prefix(200).map { 0x20..<0x7f ~= $0.value ? Character($0) : "?" })
  }

  func settle(_ outcome: EgressRecord.Outcome) { self.outcome = outcome }

  /// The whole of it, at the end.
  func record() -> EgressRecord {
    EgressRecord(
      time: time, host: host, port: port, address: address?.description, outcome: outcome, sent: sent,
      received: received, seconds: Double((NIODeadline.now() - start).nanoseconds) / 1e9)
  }
}
