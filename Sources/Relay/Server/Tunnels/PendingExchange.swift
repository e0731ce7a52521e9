import NIOCore

/// What a tunnel knows of a request that it has not answered to the end.
struct PendingExchange {
  enum Stage {
    case asked
    case streaming
  }

  let exchange: Exchange
  var stage = Stage.asked
  /// When it is given up if nothing comes.
  var deadline: NIODeadline
  /// Looks whether that is so; it may fire early.
  var timer: Scheduled<Void>?
}
