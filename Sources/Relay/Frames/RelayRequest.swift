public import NIOCore

/// A request that the relay hands to a host.
public struct RelayRequest: Hashable, Sendable {
  public let id: RequestID
  /// Letters, as a rule in upper case.
  public let method: String
  /// Path and query; nil where what was sent is none, which a host answers with 502 `invalid_path`.
  public let path: RelayPath?
  public let headers: RelayHeaders
  public let body: ByteBuffer
  /// How much of a stream may answer it before the relay says more; nil where the relay says nothing of that.
  public var window: Int64?

  public init(
    id: RequestID, method: String, path: RelayPath?, headers: RelayHeaders = [:],
    body: ByteBuffer = ByteBuffer(), window: Int64? = nil
  ) {
    self.id = id
    self.method = method
    self.path = path
    self.headers = headers
    self.body = body
    self.window = window
  }

  /// At most so many bytes is the message to a host that understands these features.
  func messageBound(for features: TunnelFeatures) -> Int {
    // Quotes and backslashes are doubled; each field has its punctuation, and the frame some members more.
    let head = (headers.byteCount + (path?.text.utf8.count ?? 0)) * 2 + headers.fields.count * 8 + 512
    return head + body.memberCount(shortest: features.contains(.base64))
  }
}

/// The path of a request and its query: it begins with `/` and is printable ASCII without spaces, fragments and backslashes. So it
/// names something on the host that is asked, and never another host.
public struct RelayPath: Hashable, Sendable {
  /// At most this many bytes.
  public static let byteLimit = 64 << 10

  public let text: String

  public init?(_ text: some StringProtocol) {
    guard text.utf8.first == UInt8(ascii: "/"), text.utf8.count <= Self.byteLimit else { return nil }
    for byte in text.utf8 {
      guard 0x21...0x7e ~= byte, byte != UInt8(ascii: "#"), byte != UInt8(ascii: "\\") else { return nil }
    }
    self.text = String(text)
  }
}
