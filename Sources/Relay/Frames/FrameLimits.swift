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

  /// The longest message that a frame within these limits needs: base64 makes a body longer by a third, and JSON
  /// escapes may double what is text.
  public var messageBytes: Int { bodyBytes * 2 + headerBytes * 2 + (256 << 10) }
}
