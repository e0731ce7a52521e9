public import GRDB

/// What a tool is called by models: 1 to 64 letters, digits, `_` and `-`.
public struct ToolName: RawRepresentable, Codable, Hashable, Sendable, DatabaseValueConvertible {
  public static let longest = 64

  public let rawValue: String

  public init?(rawValue: String) {
    guard Self.isName(rawValue, longest: Self.longest, besides: "_-") else { return nil }
    self.rawValue = rawValue
  }

  fileprivate static func isName(_ text: String, longest: Int, besides others: String) -> Bool {
    (1...longest).contains(text.utf8.count)
      && text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"):
          true
        default: others.utf8.contains(byte)
        }
      }
  }
}

/// Where tools come from: 1 to 120 letters, digits, `_`, `-`, `.` and `:`, such as `host` or `plugin:weather`.
public struct ToolSource: RawRepresentable, Codable, Hashable, Sendable, DatabaseValueConvertible {
  public static let longest = 120
  /// The tools that are part of this host.
  public static let host = ToolSource(unchecked: "host")

  public let rawValue: String

  public init?(rawValue: String) {
    guard ToolName.isName(rawValue, longest: Self.longest, besides: "_-.:") else { return nil }
    self.rawValue = rawValue
  }

  private init(unchecked rawValue: String) { self.rawValue = rawValue }
}

/// Where a tool runs.
public enum ToolRuntime: String, Codable, CaseIterable, Sendable, DatabaseValueConvertible {
  /// In the service itself.
  case host
  /// In the sandbox of the agent that calls it.
  case sandbox
}
