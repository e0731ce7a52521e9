public import Foundation
import Identity

/// What an export holds: the first file in it, `manifest.json`.
public struct ExportManifest: Codable, Hashable, Sendable {
  /// The format that this version writes.
  public static let currentVersion = 1
  public static let path = "manifest.json"
  /// The checksums of all files, for `sha256sum -c`.
  public static let sumsPath = "SHA256SUMS"
  public static let readmePath = "README.txt"
  /// The most bytes of it that are read.
  static let limit = 64 << 20
  static let label = "osaurus-export"

  /// A file in it.
  public struct File: Codable, Hashable, Sendable {
    /// The path in the export.
    public let path: String
    public let bytes: Int
    /// 64 hexadecimal digits.
    public let sha256: String

    public init(path: String, bytes: Int, sha256: String) {
      self.path = path
      self.bytes = bytes
      self.sha256 = sha256
    }
  }

  /// A database in it.
  public struct Database: Codable, Hashable, Sendable {
    /// The path that it has in a data folder; below `databases/` in the export.
    public let name: String
    public let bytes: Int
    public let sha256: String
    /// The migrations that it has seen.
    public let migrations: [String]
    /// How many rows each of its tables has.
    public let rows: [String: Int]

    public var file: File { File(path: "databases/\(name)", bytes: bytes, sha256: sha256) }

    public init(name: DatabaseName, bytes: Int, sha256: String, migrations: [String], rows: [String: Int]) {
      self.name = name.rawValue
      self.bytes = bytes
      self.sha256 = sha256
      self.migrations = migrations
      self.rows = rows
    }
  }

  /// An attachment of a conversation.
  public struct Attachment: Codable, Hashable, Sendable {
    /// What `attachments.blob` calls it in the history.
    public let blob: String
    public let bytes: Int
    /// That of its content, and its name in the export.
    public let sha256: String

    public var file: File { File(path: "blobs/\(sha256)", bytes: bytes, sha256: sha256) }

    public init(blob: BlobName, bytes: Int, sha256: String) {
      self.blob = blob.rawValue
      self.bytes = bytes
      self.sha256 = sha256
    }
  }

  public let format: String
  public let version: Int
  /// The version of osaurus-host that wrote it.
  public let host: String
  /// The identity whose host it was.
  public let address: String
  public let made: Date
  public let readme: File
  public let databases: [Database]
  public let attachments: [Attachment]

  public init(
    host: String, address: String, made: Date, readme: File, databases: [Database],
    attachments: [Attachment]
  ) {
    format = Self.label
    version = Self.currentVersion
    self.host = host
    self.address = address
    self.made = made
    self.readme = readme
    self.databases = databases
    self.attachments = attachments
  }

  /// Every file that the export has besides this one and the checksums. Attachments with the same content have one.
  public var files: [File] {
    var seen = Set<String>()
    return ([readme] + databases.map(\.file) + attachments.map(\.file)).filter {
      seen.insert($0.path).inserted
    }
  }

  public func encoded() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .iso8601
    return try encoder.encode(self) + Data("\n".utf8)
  }

  /// The checksums as `sha256sum` writes them, of this file and of all others.
  public func sums(_ encoded: Data) -> Data {
    let own = File(path: Self.path, bytes: encoded.count, sha256: Checksum.of(encoded))
    return Data(([own] + files).map { "\($0.sha256)  \($0.path)\n" }.joined().utf8)
  }

  /// Reads a list from anywhere.
  /// - Throws: ``ExportFault/malformedManifest(reason:)`` or ``ExportFault/newerFormat(_:)``.
  public init(parsing json: Data) throws(ExportFault) {
    struct Version: Decodable {
      let format: String
      let version: Int
    }
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .iso8601
    guard let version = try? decoder.decode(Version.self, from: json), version.format == Self.label else {
      throw .malformedManifest(reason: "it is not that of an export")
    }
    guard version.version <= Self.currentVersion else { throw .newerFormat(version.version) }
    guard version.version == Self.currentVersion,
      let manifest = try? decoder.decode(ExportManifest.self, from: json)
    else { throw .malformedManifest(reason: "it does not have the form of version \(version.version)") }
    self = manifest
    if let reason = flaw { throw .malformedManifest(reason: reason) }
  }

  /// Reads the list of an export, which is the first file in it, and what is to be found with it.
  /// - Returns: the list, and every other file by its path.
  /// - Throws: ``ExportFault``, or what the source throws.
  public static func read(
    from source: ExportSource
  ) throws -> (manifest: ExportManifest, files: [String: File], size: Int) {
    guard let first = try source.next(), first.path == path else { throw ExportFault.lacks(path) }
    guard first.bytes <= limit else { throw ExportFault.malformedManifest(reason: "it is too large") }
    let bytes = try source.read(first.bytes)
    guard bytes.count == first.bytes else { throw ExportFault.altered(path) }
    let manifest = try ExportManifest(parsing: bytes)
    var files = Dictionary(uniqueKeysWithValues: manifest.files.map { ($0.path, $0) })
    let sums = manifest.sums(bytes)
    files[sumsPath] = File(path: sumsPath, bytes: sums.count, sha256: Checksum.of(sums))
    return (manifest, files, bytes.count)
  }

  /// What is wrong with what it says.
  private var flaw: String? {
    func isSum(_ text: String) -> Bool {
      Hex.decode(text).map { $0.count == 32 && Hex.string($0) == text } ?? false
    }
    let names = databases.map(\.name)
    guard names.allSatisfy({ DatabaseName(rawValue: $0) != nil }) else {
      return "it names no database of a host"
    }
    guard Set(names).count == names.count else { return "it names a database twice" }
    guard Set(attachments.map(\.blob)).count == attachments.count,
      attachments.allSatisfy({ BlobName(rawValue: $0.blob) != nil })
    else { return "it names an attachment twice, or one that cannot be" }
    guard readme.path == Self.readmePath else { return "its readme is elsewhere" }
    let files = [readme] + databases.map(\.file) + attachments.map(\.file)
    guard files.allSatisfy({ isSum($0.sha256) && $0.bytes >= 0 && $0.bytes <= 1 << 46 }) else {
      return "a size or a checksum in it is none"
    }
    var sizes: [String: Int] = [:]
    for file in files {
      guard sizes.updateValue(file.bytes, forKey: file.path) ?? file.bytes == file.bytes else {
        return "one content has two sizes"
      }
    }
    guard databases.allSatisfy({ $0.rows.values.allSatisfy { $0 >= 0 } }) else {
      return "a number of rows is none"
    }
    return nil
  }
}
