import Configuration
import Foundation
import Logging
import NIOCore

/// Reads settings, which all their sources give as text, and refuses those that make no sense.
struct SettingValues {
  private let reader: ConfigReader

  init(_ reader: ConfigReader) { self.reader = reader }

  /// What was said, nil where nothing or an empty text was.
  func text(_ name: String) -> String? {
    guard let text = reader.string(forKey: ConfigKey([name])), !text.isEmpty else { return nil }
    return text
  }

  func list(_ name: String) -> [String]? {
    text(name)?.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
  }

  func integer(_ name: String, in range: ClosedRange<Int>) throws(HostError) -> Int? {
    guard let text = text(name) else { return nil }
    guard let number = Int(text), range.contains(number) else {
      throw .invalidSetting(
        name: name, reason: "it is a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  func boolean(_ name: String) throws(HostError) -> Bool? {
    switch text(name)?.lowercased() {
    case nil: return nil
    case "true", "yes", "on", "1": return true
    case "false", "no", "off", "0": return false
    default: throw .invalidSetting(name: name, reason: "it is true or false")
    }
  }

  func url(_ name: String) throws(HostError) -> URL? {
    guard let text = text(name) else { return nil }
    guard let url = URL(string: text), let scheme = url.scheme, ["http", "https"].contains(scheme),
      let host = url.host(), !host.isEmpty
    else {
      throw .invalidSetting(name: name, reason: "it looks like http://127.0.0.1:8080/v1")
    }
    return url
  }

  /// A literal IP address, or `localhost`.
  func address(_ name: String) throws(HostError) -> String? {
    guard let text = text(name) else { return nil }
    if text == "localhost" { return "127.0.0.1" }
    guard (try? SocketAddress(ipAddress: text, port: 0)) != nil else {
      throw .invalidSetting(
        name: name, reason: "it is an IP address of this machine, such as 127.0.0.1 or 0.0.0.0")
    }
    return text
  }

  func level(_ name: String) throws(HostError) -> Logger.Level? {
    guard let text = text(name) else { return nil }
    guard let level = Logger.Level(rawValue: text.lowercased()) else {
      let levels = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
      throw .invalidSetting(name: name, reason: "it is one of \(levels)")
    }
    return level
  }
}
