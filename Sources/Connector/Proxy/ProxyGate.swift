import HTTPTypes
import NIOCore
public import SecretMemory

#if canImport(Glibc)
  import Glibc
#endif

/// Who may use a proxy. Whoever may speaks with its owner's key, so that is decided anew for each request, and nobody
/// of whom it is not known who they are gets in.
public struct ProxyGate: Sendable {
  /// The shortest token that is accepted, in bytes.
  public static let shortestToken = 16

  /// Shared by all requests.
  private final class Token: Sendable {
    let secret: BearerSecret
    init(_ secret: consuming BearerSecret) { self.secret = secret }
  }

  private let token: Token?

  /// Lets processes of this program's own user in, whatever they bring.
  public static let sameUser = ProxyGate(token: nil)

  private init(token: Token?) { self.token = token }

  /// Lets in whoever brings a token, of whatever user.
  /// - Returns: nil unless it is visible ASCII of a useful length.
  public init?(token text: consuming SecretBytes) {
    guard let secret = BearerSecret(trimming: text, where: { $0.count >= Self.shortestToken }) else {
      return nil
    }
    token = Token(secret)
  }

  /// Why a request is refused; nil where it is let in.
  func refusal(of head: HTTPRequest, on channel: any Channel) -> ProxyRefusal? {
    if let refusal = Self.visitorRefusal(of: head) { return refusal }
    guard let token else {
      return SocketOwner.user(of: channel) == geteuid() ? nil : .otherUser
    }
    var brought = Array((head.headerFields[.authorization] ?? "").utf8)
    let isRight = token.secret.withAuthorization { expected in
      var expected = Array(expected.utf8)
      defer { wipe(&expected) }
      return brought.withUnsafeBytes { brought in
        expected.withUnsafeBytes { ConstantTime.isEqual(brought, $0) }
      }
    }
    wipe(&brought)
    return isRight ? nil : .wrongToken
  }

  /// Refuses what a web page could send: requests for other names, as after DNS rebinding, and all that a browser marks
  /// as coming from a page.
  private static func visitorRefusal(of head: HTTPRequest) -> ProxyRefusal? {
    let host = (head.authority ?? "").lowercased()
    let name = host.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)[0]
    guard name == "localhost" || name == "127.0.0.1" else { return .otherHost }
    let site = head.headerFields[.site]
    guard head.headerFields[.origin] == nil, site == nil || site == "none" else { return .webPage }
    return nil
  }
}

/// Why a proxy does not pass a request on.
enum ProxyRefusal: Error, Hashable, Sendable {
  case otherUser
  case wrongToken
  case otherHost
  case webPage
  case notCarried
  case tooLarge

  var status: HTTPResponse.Status {
    switch self {
    case .otherUser, .otherHost, .webPage: .forbidden
    case .wrongToken: .unauthorized
    case .notCarried: .notFound
    case .tooLarge: .contentTooLarge
    }
  }

  var code: String {
    switch self {
    case .otherUser: "other_user"
    case .wrongToken: "wrong_token"
    case .otherHost: "host_not_allowed"
    case .webPage: "origin_not_allowed"
    case .notCarried: "not_found"
    case .tooLarge: "payload_too_large"
    }
  }

  var message: String {
    switch self {
    case .otherUser:
      "Only programs of the user who runs this proxy may use it; to let others in, run it with --token-file."
    case .wrongToken: "This proxy wants its token as a bearer token; set it as the API key."
    case .otherHost: "The Host header does not name this machine; ask under 127.0.0.1 or localhost."
    case .webPage: "Web pages may not use this proxy."
    case .notCarried: "This proxy carries no such route."
    case .tooLarge: "The request is larger than a host takes."
    }
  }
}

extension HTTPField.Name {
  /// Browsers say with it where a request comes from.
  fileprivate static let site = HTTPField.Name("Sec-Fetch-Site")!
}
