/// Why services on the network can neither be announced nor found, as a sentence for a person.
public enum DiscoveryError: Error, Hashable, Sendable {
  /// There is no system bus on which a daemon could be asked.
  case noBus(reason: String)
  /// Nothing on the bus speaks DNS-SD.
  case noDaemon
}

extension DiscoveryError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .noBus(let reason):
      "There is no system bus to ask for services on the network (\(reason)); start dbus and avahi-daemon."
    case .noDaemon:
      "No avahi-daemon answers, so nothing on the network is found or announced; install and start avahi-daemon."
    }
  }
}
