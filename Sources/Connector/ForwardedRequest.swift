/// What another program asked, to be asked of a peer in its place.
public struct ForwardedRequest: Hashable, Sendable {
  public var method: String
  /// Begins with `/`, and may have a query.
  public var path: String
  public var accept: String?
  public var contentType: String?
  /// More headers that mean something to the peer.
  public var headers: [String: String]
  public var body: [UInt8]?

  public init(
    method: String, path: String, accept: String? = nil, contentType: String? = nil,
    headers: [String: String] = [:], body: [UInt8]? = nil
  ) {
    self.method = method
    self.path = path
    self.accept = accept
    self.contentType = contentType
    self.headers = headers
    self.body = body
  }
}

/// What came back: in one piece with its status, or as a stream.
public enum ForwardedAnswer: Sendable {
  case whole(PeerAnswer)
  case stream(PeerStream)
}
