import ArgumentParser
import Foundation
import Relay

/// What a relay is told, by flags and else by the environment.
struct RelayOptions: ParsableArguments {
  @Option(help: "The relay's name. Agents are below it: <address>.NAME.") var domain: String?
  @Option(name: .customLong("name"), help: "Another name of the relay. May be given more than once.")
  var names: [String] = []
  @Option(help: "The address to listen on. (default: 127.0.0.1)") var bind: String?
  @Option(help: "The TCP port; 0 takes any free one. (default: 8443)") var port: Int?
  @Option(help: "The certificate chain in PEM, for TLS without a proxy. Read anew when it changes.")
  var certificate: String?
  @Option(help: "The certificate's key in PEM.") var key: String?
  @Option(
    name: .customLong("trusted-proxy"),
    help: "An address or a range (10.0.0.0/8) whose X-Forwarded-For counts. May be given more than once.")
  var trustedProxies: [String] = []
  @Option(
    name: .customLong("metrics-from"),
    help: "An address or a range that may read /metrics. May be given more than once. (default: this machine)"
  )
  var metricsReaders: [String] = []
  @Option(
    name: .customLong("agent-form"),
    help:
      "How agents are named in URLs: subdomain or path. (default: subdomain, path for localhost and addresses)"
  )
  var form: String?
  @Option(
    name: .customLong("public-url"),
    help: "Where the world reaches the relay, if not as it follows from the rest.")
  var publicURL: String?
  @Option(
    name: .customLong("limit"),
    help: "A limit, as in requests-per-minute=200. May be given more than once. See 'osaurus-relay limits'.")
  var limits: [String] = []

  /// - Throws: ``RelayError``, with the name of what cannot be.
  func settings(environment: [String: String]) throws -> RelaySettings {
    let variables = environment.filter { !$0.value.isEmpty }
    guard let domain = domain ?? variables["OSAURUS_RELAY_DOMAIN"] else {
      throw RelayError.invalidSetting(
        name: "--domain", reason: "It is missing: the relay has to know its name.")
    }
    var settings = RelaySettings(domain: try Self.name(domain, "--domain"))
    settings.names = try (names.isEmpty ? Self.list(variables["OSAURUS_RELAY_NAMES"]) : names).map {
      try Self.name($0, "--name")
    }
    settings.bind = bind ?? variables["OSAURUS_RELAY_BIND"] ?? settings.bind
    settings.port = try port(variables) ?? settings.port
    settings.certificate = try files(variables)
    settings.trustedProxies = try ranges(
      trustedProxies.isEmpty ? Self.list(variables["OSAURUS_RELAY_TRUSTED_PROXIES"]) : trustedProxies,
      "--trusted-proxy")
    let readers = metricsReaders.isEmpty ? Self.list(variables["OSAURUS_RELAY_METRICS_FROM"]) : metricsReaders
    if !readers.isEmpty { settings.metricsReaders = try ranges(readers, "--metrics-from") }
    if let form = form ?? variables["OSAURUS_RELAY_AGENT_FORM"] {
      guard let form = RelaySettings.AgentForm(rawValue: form) else {
        throw RelayError.invalidSetting(name: "--agent-form", reason: "It takes subdomain or path.")
      }
      settings.form = form
    }
    settings.publicURL = try publicURL(variables)
    try RelayLimit.apply(environment: variables, to: &settings.limits)
    for limit in limits { try RelayLimit.apply(limit, to: &settings.limits) }
    return settings
  }

  private func port(_ variables: [String: String]) throws -> Int? {
    let text = variables["OSAURUS_RELAY_PORT"]
    guard let port = port ?? text.map({ Int($0) ?? -1 }) else { return nil }
    guard 0...65535 ~= port else {
      throw RelayError.invalidSetting(name: "--port", reason: "It takes 0 to 65535.")
    }
    return port
  }

  private func files(_ variables: [String: String]) throws -> RelaySettings.CertificateFiles? {
    let certificate = certificate ?? variables["OSAURUS_RELAY_CERTIFICATE"]
    let key = key ?? variables["OSAURUS_RELAY_KEY"]
    switch (certificate, key) {
    case (nil, nil): return nil
    case (let certificate?, let key?): return .init(certificate: certificate, key: key)
    default: throw RelayError.invalidSetting(name: "--certificate", reason: "It goes together with --key.")
    }
  }

  private func publicURL(_ variables: [String: String]) throws -> String? {
    guard var url = publicURL ?? variables["OSAURUS_RELAY_PUBLIC_URL"] else { return nil }
    if url.hasSuffix("/") { url.removeLast() }
    guard let parts = URLComponents(string: url), parts.scheme == "https" || parts.scheme == "http",
      parts.host?.isEmpty == false, parts.path.isEmpty, parts.query == nil, parts.user == nil
    else {
      throw RelayError.invalidSetting(
        name: "--public-url", reason: "It takes scheme and name, as in https://relay.example.")
    }
    return url
  }

  private func ranges(_ texts: [String], _ flag: String) throws -> [AddressRange] {
    try texts.map { text in
      guard let range = AddressRange(text) else {
        throw RelayError.invalidSetting(name: flag, reason: "It takes an address or a range like 10.0.0.0/8.")
      }
      return range
    }
  }

  private static func name(_ text: String, _ flag: String) throws -> RelayName {
    // An IPv6 address stands in brackets in a URL.
    guard let name = RelayName(text.contains(":") && !text.hasPrefix("[") ? "[\(text)]" : text) else {
      throw RelayError.invalidSetting(
        name: flag, reason: "It takes the name of a machine, without scheme and port.")
    }
    return name
  }

  private static func list(_ text: String?) -> [String] {
    (text ?? "").split(whereSeparator: { $0 == "," || $0 == " " }).map(String.init)
  }
}
