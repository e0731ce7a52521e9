import Foundation
public import GRDB
public import Identity

// How the types of an identity rest in a column: addresses with their checksum, identifiers in uppercase, times as
// seconds since 1970.

extension Address: DatabaseValueConvertible {
  public var databaseValue: DatabaseValue { checksummed.databaseValue }

  public static func fromDatabaseValue(_ value: DatabaseValue) -> Address? {
    String.fromDatabaseValue(value).flatMap { Address(ignoringChecksum: $0) }
  }
}

extension AgentIndex: DatabaseValueConvertible {
  public var databaseValue: DatabaseValue { Int64(rawValue).databaseValue }

  public static func fromDatabaseValue(_ value: DatabaseValue) -> AgentIndex? {
    UInt32.fromDatabaseValue(value).map { AgentIndex(rawValue: $0) }
  }
}

extension AccessKeyExpiry: DatabaseValueConvertible {}

/// A record whose columns are its coding keys in snake case.
public protocol StoredRecord: FetchableRecord, PersistableRecord, Codable {}

extension StoredRecord {
  public static var databaseColumnEncodingStrategy: DatabaseColumnEncodingStrategy { .convertToSnakeCase }
  public static var databaseColumnDecodingStrategy: DatabaseColumnDecodingStrategy { .convertFromSnakeCase }
  public static func databaseUUIDEncodingStrategy(for column: String) -> DatabaseUUIDEncodingStrategy {
    .uppercaseString
  }
  public static func databaseDateEncodingStrategy(for column: String) -> DatabaseDateEncodingStrategy {
    .timeIntervalSince1970
  }
  public static func databaseDateDecodingStrategy(for column: String) -> DatabaseDateDecodingStrategy {
    .timeIntervalSince1970
  }
}

extension Date {
  /// This time as a column gives it back, so that a record that was just made equals the one that is read.
  var asStored: Date { Date(timeIntervalSince1970: timeIntervalSince1970) }
}

extension String {
  /// This text as SQLite keeps it whole: a zero character would end it there, and U+FFFD stands in its place.
  var asStored: String {
    guard utf8.contains(0) else { return self }
    return String(String.UnicodeScalarView(unicodeScalars.map { $0.value == 0 ? "\u{FFFD}" : $0 }))
  }
}
