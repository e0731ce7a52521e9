import Foundation

/// Where an image is downloaded from: an `https` address, or an `http` one on this machine's loopback.
public struct ImageAddress: Hashable, Sendable, CustomStringConvertible {
  let url: URL

  /// Whether what is meant is an address and not a file.
  public static func isMeant(_ text: String) -> Bool { text.contains("://") }

  /// - Throws: ``SandboxError/imageAddressRefused(_:reason:)``.
  public init(_ text: String) throws(SandboxError) {
    func refuse(_ reason: String) -> SandboxError {
      // What is before an @ can be a password.
      .imageAddressRefused(text.contains("@") ? "the address" : String(text.prefix(200)), reason: reason)
    }
    guard text.utf8.count <= 4096, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }),
      let parts = URLComponents(string: text), let url = parts.url, let host = parts.host, !host.isEmpty
    else { throw refuse("it is no address") }
    guard parts.user == nil, parts.password == nil else { throw refuse("it names a user or a password") }
    guard parts.fragment == nil else { throw refuse("it has a fragment") }
    switch parts.scheme?.lowercased() {
    case "https": break
    case "http":
      guard ["127.0.0.1", "[::1]", "::1", "localhost"].contains(host.lowercased()) else {
        throw refuse("it is not encrypted; http is for servers on this machine alone")
      }
    default: throw refuse("it is neither https nor a file")
    }
    self.url = url
  }

  private var isEncrypted: Bool { url.scheme?.lowercased() == "https" }

  /// Where an answer sends on to. What was encrypted stays so.
  /// - Throws: ``SandboxError/imageAddressRefused(_:reason:)``.
  func next(_ location: String) throws(SandboxError) -> ImageAddress {
    guard let target = URL(string: location, relativeTo: url)?.absoluteURL else {
      throw .imageAddressRefused(String(location.prefix(200)), reason: "it is no address")
    }
    let next = try ImageAddress(target.absoluteString)
    guard next.isEncrypted || !isEncrypted else {
      throw .imageAddressRefused("\(next)", reason: "the server sends on to one that is not encrypted")
    }
    return next
  }

  /// Without what follows a question mark, which can be a key.
  public var description: String {
    let text = url.absoluteString
    return text.firstIndex(of: "?").map { String(text[..<$0]) } ?? text
  }
}
