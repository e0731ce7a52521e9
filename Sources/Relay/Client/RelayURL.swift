import Foundation

/// Where a relay is: wss or https, a host, and a path, which is `/tunnel/connect` where none is said. Without TLS it may be
/// on this machine, and elsewhere only where its owner insists.
public struct RelayURL: Hashable, Sendable, CustomStringConvertible {
  /// Why a text is none.
  public enum Refusal: Error, Hashable, Sendable, CustomStringConvertible {
    case malformed
    case plaintext

    public var description: String {
      switch self {
      case .malformed: "A relay's URL is wss, a host and at most a path, such as wss://relay.example.com."
      case .plaintext:
        "Without TLS everybody on the way could take the tunnel over; use wss://, or say --insecure where the network is yours."
      }
    }
  }

  static let defaultPath = "/tunnel/connect"

  public let host: String
  public let port: Int
  let path: String
  public let isSecure: Bool

  /// - Parameter allowsPlaintext: whether it may be without TLS on another machine, too.
  public init(_ text: some StringProtocol, allowsPlaintext: Bool = false) throws(Refusal) {
    guard text.utf8.count <= 1024, text.utf8.allSatisfy({ 0x21...0x7e ~= $0 }),
      let parts = URLComponents(string: String(text)), parts.user == nil, parts.password == nil,
      parts.query == nil, parts.fragment == nil, let host = parts.host.flatMap(Self.bareHost),
      1...65535 ~= parts.port ?? 443
    else { throw .malformed }
    switch parts.scheme?.lowercased() {
    case "wss", "https": isSecure = true
    case "ws", "http": isSecure = false
    default: throw .malformed
    }
    self.host = host
    port = parts.port ?? (isSecure ? 443 : 80)
    path = ["", "/"].contains(parts.percentEncodedPath) ? Self.defaultPath : parts.percentEncodedPath
    guard isSecure || allowsPlaintext || isOnThisMachine else { throw .plaintext }
  }

  /// Whether nobody but users of this machine can be on the way.
  public var isOnThisMachine: Bool { host == "localhost" || host == "::1" || Self.isLoopback(host) }

  /// As it is written, the path left out where it is the usual one.
  public var description: String {
    let port = self.port == (isSecure ? 443 : 80) ? "" : ":\(self.port)"
    return "\(isSecure ? "wss" : "ws")://\(written)\(port)\(path == Self.defaultPath ? "" : path)"
  }

  /// The host as a URL or a `Host` field has it.
  private var written: String { host.contains(":") ? "[\(host)]" : host }

  /// What the `Host` field of the request says that opens the tunnel.
  var authority: String { port == (isSecure ? 443 : 80) ? written : "\(written):\(port)" }

  /// Whether the host is a name and no address.
  var isNamed: Bool {
    !host.contains(":") && !host.split(separator: ".").allSatisfy { $0.allSatisfy(\.isNumber) }
  }

  private static func bareHost(_ text: String) -> String? {
    let bare = (text.hasPrefix("[") && text.hasSuffix("]") ? String(text.dropFirst().dropLast()) : text)
      .lowercased()
    let isPlain = bare.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."),
        UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: ":"):
        true
      default: false
      }
    }
    return isPlain && !bare.isEmpty ? bare : nil
  }

  private static func isLoopback(_ host: String) -> Bool {
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
  }
}
