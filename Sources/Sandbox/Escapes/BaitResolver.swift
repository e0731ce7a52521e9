/// Resolves the names of the escape suite, each to an address that nobody may be connected with, and asks no name server.
struct BaitResolver: EgressResolver {
  private static let answers: [String: [String]] = [
    "loopback": ["127.0.0.1"], "loopback-six": ["::1"], "mapped": ["::ffff:127.0.0.1"],
    "private": ["10.0.0.1", "192.168.0.1", "172.16.0.1"], "metadata": ["169.254.169.254"],
    "metadata-six": ["fd00:ec2::254"], "carrier": ["100.100.100.200"], "unspecified": ["0.0.0.0", "::"],
    "translated": ["64:ff9b::7f00:1"], "tunnelled": ["2002:7f00:1::1"], "multicast": ["224.0.0.1"],
    "broadcast": ["255.255.255.255"], "link-local": ["fe80::1"],
  ]

  func addresses(of name: String) async -> [[UInt8]] {
    let label = String(name.prefix { $0 != "." })
    if let known = Self.answers[label] { return known.compactMap { InternetAddress($0)?.bytes } }
    // For a proxy that is open: every way to write an address, as the C library reads it.
    let isWritten = name.allSatisfy { $0.isHexDigit || ".:x%l".contains($0) }
    return isWritten || label == "localhost" ? await SystemResolver().addresses(of: name) : []
  }
}
