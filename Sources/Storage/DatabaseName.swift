public import Foundation
public import Keyring

#if canImport(Glibc)
  import Glibc
#endif

/// Every database that a host may have: the one list that opening, checking, rotation and export go by.
///
/// The raw values are their paths below the data folder, and the labels of their keys. Two databases never share one:
/// what is told apart is the whole path, not its last part.
public enum DatabaseName: Hashable, Sendable {
  /// Agents, access keys, revocations.
  case host
  /// What was said.
  case chatHistory
  /// What agents remember.
  case memory
  /// What agents learned to do.
  case methods
  /// Which tools there are.
  case toolIndex
  /// What one agent keeps for itself.
  case agent(UUID)
  /// What one plugin keeps for itself.
  case plugin(PluginID)

  /// The databases that a host has one of. Of agents and plugins, ``existing(in:)`` finds those that are there.
  public static let single: [DatabaseName] = [.host, .chatHistory, .memory, .methods, .toolIndex]

  /// What a power cut may take, as SQLite calls it: nothing where a forgotten revocation would let somebody in, the last
  /// moments of what was said or learned elsewhere.
  var durability: String {
    switch self {
    case .host: "FULL"
    case .chatHistory, .memory, .methods, .toolIndex, .agent, .plugin: "NORMAL"
    }
  }

  /// Where its file is.
  public func file(in folders: HostFolders) -> URL { folders.data.appending(path: rawValue) }

  /// Its file, its log and the log's index, whether they are there or not.
  public func files(in folders: HostFolders) -> [URL] {
    let path = file(in: folders).path
    return ["", "-wal", "-shm"].map { URL(filePath: path + $0) }
  }

  /// Whether its file holds anything.
  public func hasContent(in folders: HostFolders) -> Bool { Self.size(of: file(in: folders)) > 0 }

  /// Whether something was written into its log.
  public func hasLog(in folders: HostFolders) -> Bool { Self.size(of: files(in: folders)[1]) > 0 }

  static func size(of file: URL) -> Int {
    var status = stat()
    return stat(file.path, &status) == 0 ? Int(status.st_size) : 0
  }
}

extension DatabaseName: RawRepresentable {
  /// The name whose path this is, in the one way in which it is written.
  public init?(rawValue: String) {
    if let single = Self.single.first(where: { $0.rawValue == rawValue }) {
      self = single
      return
    }
    let parts = rawValue.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 3 else { return nil }
    switch (parts[0], parts[2]) {
    case ("agents", "db.sqlite"):
      guard let id = UUID(uuidString: parts[1]), id.uuidString == parts[1] else { return nil }
      self = .agent(id)
    case ("plugins", "data.sqlite"):
      guard let id = PluginID(rawValue: parts[1]) else { return nil }
      self = .plugin(id)
    default: return nil
    }
  }

  public var rawValue: String {
    switch self {
    case .host: "host/host.sqlite"
    case .chatHistory: "chat/history.sqlite"
    case .memory: "memory/memory.sqlite"
    case .methods: "methods/methods.sqlite"
    case .toolIndex: "tools/index.sqlite"
    case .agent(let id): "agents/\(id.uuidString)/db.sqlite"
    case .plugin(let id): "plugins/\(id.rawValue)/data.sqlite"
    }
  }
}

extension DatabaseName: Comparable {
  public static func < (left: DatabaseName, right: DatabaseName) -> Bool { left.rawValue < right.rawValue }
}

extension DatabaseName {
  /// The databases that are on disk, also those of which only the log is left, in the order of their paths.
  /// - Throws: ``StorageError/file(_:)`` where a folder cannot be read: what cannot be seen is not missing.
  public static func existing(in folders: HostFolders) throws(StorageError) -> [DatabaseName] {
    var names = single
    for folder in ["agents", "plugins"] {
      for entry in try DataFolder.entries(of: folder, in: folders) {
        let file = folder == "agents" ? "db.sqlite" : "data.sqlite"
        if let name = DatabaseName(rawValue: "\(folder)/\(entry)/\(file)") { names.append(name) }
      }
    }
    return names.filter { name in
      // The index of the log holds nothing.
      name.files(in: folders).dropLast().contains { (try? PrivateFile.isThere($0)) != false }
    }.sorted()
  }
}

/// Looks into the data folder.
enum DataFolder {
  /// The names in a folder below the data folder; none where there is no such folder.
  /// - Throws: ``StorageError/file(_:)``.
  static func entries(of path: String, in folders: HostFolders) throws(StorageError) -> [String] {
    let folder = folders.data.appending(path: path).path
    do {
      return try FileManager.default.contentsOfDirectory(atPath: folder)
    } catch {
      if (error as? CocoaError)?.code == .fileReadNoSuchFile { return [] }
      throw .file(.file(path: folder, reason: error.localizedDescription))
    }
  }
}
