/// How much a frame may hold.
public struct FrameLimits: Hashable, Sendable {
  /// Bytes of a body, and of a piece of a stream.
  public var bodyBytes: Int
  /// Header fields of a request or an answer.
  public var headerFields: Int
  /// Bytes of all names and values of these.
  public var headerBytes: Int
  /// Agents in one frame.
  public var agents: Int

  public init(
    bodyBytes: Int = 10 << 20, headerFields: Int = 200, headerBytes: Int = 64 << 10, agents: Int = 1024
  ) {
    self.bodyBytes = bodyBytes
    self.headerFields = headerFields
    self.headerBytes = headerBytes
    self.agents = agents
  }

  /// The longest message that a frame within these limits needs: an escape of JSON makes six bytes of one.
  public var messageBytes: Int { (bodyBytes + headerBytes) * 6 + (256 << 10) }

  /// The longest message that a relay of ours sends to a host, whatever its operator allows: a host that knows the usual limits
  /// has room for it, so that no caller can have a host end its tunnel over a request.
  static let requestBytes = (20 << 20) + (384 << 10)
}
