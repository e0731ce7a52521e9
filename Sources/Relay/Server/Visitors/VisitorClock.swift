import NIOCore

/// What a caller's connection knows of time.
struct VisitorClock {
  /// When the head that is being read began, or the connection that has sent nothing yet.
  var headBegan: NIODeadline?
  /// When the caller last read something of its answer.
  private(set) var progress = NIODeadline.uptimeNanoseconds(0)
  /// Bytes of answers that the caller has not read.
  private(set) var unsent = 0
  /// Until when what is waited for has to come.
  var deadline: NIODeadline?
  /// Looks whether it has; it may fire early.
  var timer: Scheduled<Void>?

  mutating func wrote(_ bytes: Int, now: NIODeadline) {
    if unsent == 0 { progress = now }
    unsent += bytes
  }

  mutating func sent(_ bytes: Int, now: NIODeadline) {
    unsent -= bytes
    progress = now
  }
}
