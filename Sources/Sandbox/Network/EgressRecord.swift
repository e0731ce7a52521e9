public import Foundation

/// One connection that a program in a sandbox asked for: what became of it, and how much went over it.
public struct EgressRecord: Codable, Hashable, Sendable {
  /// What became of it.
  public enum Outcome: String, Codable, Sendable {
    /// It was made, and has ended.
    case connected
    /// What was asked for is no request for a host and a port.
    case malformed
    /// The host and the port are not on the list.
    case notListed = "not_listed"
    /// The name has no address.
    case unresolved
    /// The name stands for addresses that are not on the public internet.
    case addressRefused = "address_refused"
    /// None of the addresses answered.
    case unreachable
    /// It took too long until it was made, or nothing was asked for.
    case timedOut = "timed_out"
    /// As many were open as may be, or had been.
    case tooMany = "too_many"
    /// The program went away first.
    case abandoned
  }

  /// When it was asked for.
  public let time: Date
  /// The name that was asked for; where it was malformed, its beginning.
  public let host: String
  public let port: UInt16
  /// The address that it was connected with.
  public let address: String?
  public let outcome: Outcome
  /// Bytes from the sandbox, and to it.
  public let sent: UInt64
  public let received: UInt64
  public let seconds: Double
}
