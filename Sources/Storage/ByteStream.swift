public import Foundation

/// Where bytes go, in order.
public protocol ByteSink: AnyObject {
  func write(_ bytes: Data) throws
}

/// Where bytes come from, in order.
public protocol ByteSource: AnyObject {
  /// The next `count` bytes; fewer only at the end.
  func read(_ count: Int) throws -> Data
}
