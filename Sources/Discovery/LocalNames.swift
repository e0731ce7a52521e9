import Foundation

/// Whether this machine finds the names of others that end in `.local`: whether its name service asks the network.
public enum LocalNames {
  public static var areResolved: Bool {
    (try? String(contentsOf: URL(filePath: "/etc/nsswitch.conf"), encoding: .utf8)).map(areResolved) ?? false
  }

  /// - Parameter configuration: what nsswitch.conf says.
  static func areResolved(by configuration: String) -> Bool {
    configuration.split(whereSeparator: \.isNewline).contains { line in
      let words = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace)
      return words.first == "hosts:" && words.dropFirst().contains { $0.hasPrefix("mdns") }
    }
  }
}
