extension EscapeAttempt {
  /// Ways out where hosts are listed: past the proxy, and through it to what is not listed. The program `ask-the-proxy`'s
  /// attempts are in `Sources/osaurus-sandbox-probe/proxy.c`.
  static let throughTheProxy: [EscapeAttempt] =
    beside + asked.map { asking($0, .openProxy) } + misread.map { asking($0, .whereItExists) }

  private static func asking(_ name: String, _ opening: Opening) -> EscapeAttempt {
    var attempt = EscapeAttempt.program("ask-the-proxy-for-\(name)", opening)
    attempt.hasProxy = true
    return attempt
  }

  private static let beside: [EscapeAttempt] =
    [
      ("connect-to-a-service-on-loopback", .without([.network, .landlock])),
      ("connect-to-any-address", .without([.network, .landlock])),
      ("send-a-datagram-to-loopback", .without([.network, .systemCalls])),
      ("serve-on-every-address", .without([.landlock])),
      ("reach-the-metadata-service", .whereItExists), ("reach-a-name-server", .whereItExists),
      ("reach-a-private-network", .whereItExists), ("connect-to-loopback-as-version-six", .whereItExists),
      ("open-a-raw-socket", .outsideAsRoot), ("talk-to-the-audit-system", .whereItExists),
      ("look-at-all-sockets", .whereItExists), ("name-a-family-with-high-bits-set", .whereItExists),
      ("see-network-interfaces", .whereItExists),
      ("connect-to-an-abstract-socket", .without([.network, .landlock])),
      ("connect-by-another-kind-of-stream", .without([.systemCalls])),
    ].map { name, opening in EscapeAttempt.program(name, opening).besideTheProxy(opening) }

  /// What is not even read as a request, however open the proxy is.
  private static let misread = [
    "loopback-behind-a-fragment", "loopback-behind-a-backslash", "the-metadata-service-in-wide-digits",
  ]

  private static let asked = [
    "loopback", "loopback-in-decimal", "loopback-in-octal", "loopback-in-hexadecimal", "loopback-in-short",
    "loopback-in-mixed-notation", "loopback-with-a-dot-at-its-end", "another-address-of-loopback",
    "any-address", "any-address-in-short", "localhost", "localhost-with-a-dot-at-its-end",
    "loopback-as-version-six",
    "mapped-loopback", "mapped-loopback-in-hexadecimal", "compatible-loopback", "translated-loopback",
    "tunnelled-loopback", "loopback-with-a-zone", "loopback-behind-a-user", "loopback-behind-a-listed-user",
    "loopback-behind-a-password", "loopback-in-percent-notation", "loopback-as-a-path",
    "loopback-by-the-host-field",
    "the-metadata-service", "the-metadata-service-in-decimal", "the-metadata-service-in-octal",
    "the-metadata-service-in-hexadecimal", "the-metadata-service-in-short", "the-mapped-metadata-service",
    "the-metadata-service-of-version-six", "a-private-address",
    "a-link-local-address", "the-proxy-itself", "a-name-of-loopback", "a-name-of-loopback-six",
    "a-name-of-mapped-loopback", "a-name-of-a-private-address", "a-name-of-the-metadata-service",
    "a-name-of-the-metadata-service-of-version-six", "a-name-of-a-carriers-address",
    "a-name-of-any-address", "a-name-of-translated-loopback", "a-name-of-tunnelled-loopback",
    "a-name-of-multicast", "a-name-of-broadcast", "a-name-of-a-link-local-address",
    "a-name-of-loopback-over-http", "a-name-that-is-not-listed", "a-name-that-only-ends-so",
    "the-listed-name-itself",
    "another-port-of-a-listed-name", "a-name-in-other-letters",
  ]
}
