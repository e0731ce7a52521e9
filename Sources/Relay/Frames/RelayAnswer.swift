public import NIOCore

/// An answer in one piece.
public struct RelayAnswer: Hashable, Sendable {
  public let id: RequestID
  /// Any whole number: whether it is a status of HTTP is for the relay to see.
  public let status: Int
  public let headers: RelayHeaders
  public let body: ByteBuffer

  public init(id: RequestID, status: Int, headers: RelayHeaders = [:], body: ByteBuffer = ByteBuffer()) {
    self.id = id
    self.status = status
    self.headers = headers
    self.body = body
  }
}

/// The beginning of an answer that comes in pieces.
public struct RelayAnswerHead: Hashable, Sendable {
  public let id: RequestID
  public let status: Int
  public let headers: RelayHeaders

  public init(id: RequestID, status: Int, headers: RelayHeaders = [:]) {
    self.id = id
    self.status = status
    self.headers = headers
  }
}
