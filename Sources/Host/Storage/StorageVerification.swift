import Keyring
import Storage
import Stores

/// What a look at everything that is stored found.
public struct StorageVerification: Encodable, Sendable {
  /// What was found of one thing.
  public struct Finding: Encodable, Hashable, Sendable {
    public enum State: String, Encodable, Sendable { case good, note, broken }

    /// A database or blob by its path, or what is meant.
    public let part: String
    public let state: State
    public let detail: String
    /// The full-text index that is to be made anew, where that is all there is to mend.
    public var index: String?
  }

  /// What it is at.
  public struct Progress: Sendable {
    public let part: String
    public let done: Int
    public let all: Int
  }

  public private(set) var findings: [Finding] = []

  /// Whether something is not as it was written.
  public var isBroken: Bool { findings.contains { $0.state == .broken } }

  /// The full-text indexes that do not fit their rows; ``HostServices`` makes them anew.
  public var brokenIndexes: [String] { findings.compactMap(\.index) }

  fileprivate mutating func add(
    _ part: String, _ state: Finding.State, _ detail: String, index: String? = nil
  ) {
    findings.append(Finding(part: part, state: state, detail: detail, index: index))
  }
}

extension HostStorage {
  /// Reads everything that is stored, and compares it with what it has to be: every page with its HMAC, every table with its
  /// indexes, every turn with its hash, the full-text index with the turns, every blob with its name, and the blobs with what
  /// refers to them.
  ///
  /// A service may be at work meanwhile: what it adds or takes away is not taken for damage.
  /// - Parameter progress: told what comes next.
  /// - Throws: `StorageError` where a folder cannot be read. What is broken is in the answer.
  public func verify(
    progress: (StorageVerification.Progress) -> Void = { _ in }
  ) throws -> StorageVerification {
    var found = StorageVerification()
    let conditions = try HostDatabases.conditions(in: folders, key: key).sorted { $0.key < $1.key }
    let names = try blobs.names()
    let all = conditions.count + names.count
    var referred: Set<BlobName>?
    for (done, (name, result)) in conditions.enumerated() {
      progress(.init(part: name.rawValue, done: done, all: all))
      switch result {
      case .failure(let error): found.add(name.rawValue, .broken, error.description)
      case .success(.missing):
        found.add(name.rawValue, .note, "is not there; the service makes it anew")
        if name == .chatHistory { referred = [] }
      case .success(let condition):
        let inside = inside(name, isCurrent: condition == .current)
        for problem in inside.problems { found.add(name.rawValue, .broken, problem) }
        for index in inside.brokenIndexes {
          found.add(
            name.rawValue, .broken,
            "the full-text index \(index) does not fit its rows; 'osaurus-host storage verify --repair' makes it anew",
            index: index)
        }
        if inside.isGood {
          found.add(name.rawValue, .good, "every page, table and index is as it was written")
        }
        if name == .chatHistory { referred = inside.blobs }
      }
    }
    try verify(names, referred: referred, into: &found) { done in
      progress(.init(part: names[done].path, done: conditions.count + done, all: all))
    }
    verifySlots(into: &found)
    return found
  }

  /// What is found inside a database that opens.
  struct Inside {
    /// What is wrong and cannot be mended from what is there.
    var problems: [String] = []
    /// The full-text indexes that do not fit their rows.
    var brokenIndexes: [String] = []
    /// The blobs that it refers to, where it tells.
    var blobs: Set<BlobName>?

    var isGood: Bool { problems.isEmpty && brokenIndexes.isEmpty }
  }

  func inside(_ name: DatabaseName, isCurrent: Bool) -> Inside {
    do {
      return try EncryptedDatabase.read(name, in: folders, key: key) { database in
        let indexes = isCurrent ? FullTextIndex.all(in: name) : []
        var inside = Inside()
        // SQLite looks at full-text indexes, too, and at less of them.
        let complaints = try DatabaseIntegrity.problems(database)
        inside.problems = complaints.filter { text in !indexes.contains { $0.isMeant(by: text) } }
        guard isCurrent, inside.problems.isEmpty else { return inside }
        if name == .chatHistory {
          let chat = try ChatIntegrity(checking: database)
          (inside.problems, inside.blobs) = (chat.problems, chat.blobs)
        }
        for index in indexes {
          if try complaints.contains(where: index.isMeant) || !index.fits(database) {
            inside.brokenIndexes.append(index.name)
          }
        }
        return inside
      }
    } catch {
      return Inside(problems: [error.description])
    }
  }

  private func verify(
    _ names: [BlobName], referred: Set<BlobName>?, into found: inout StorageVerification,
    progress: (Int) -> Void
  ) throws {
    var bytes = 0
    var missing = (referred ?? []).subtracting(names)
    for (done, name) in names.enumerated() {
      progress(done)
      do {
        try blobs.verify(name)
        bytes += blobs.fileSize(of: name)
      } catch StorageError.sealedFile(_, .missing) {
        missing.insert(name)
      } catch {
        found.add(name.path, .broken, String(describing: error))
      }
    }
    // Forgotten in the meantime, perhaps.
    if !missing.isEmpty, let still = try? referredNow() {
      for name in missing.intersection(still).sorted(by: { $0.rawValue < $1.rawValue })
      where blobs.fileSize(of: name) == 0 {
        found.add(name.path, .broken, "is referred to and missing. Restore it from a backup.")
      }
    }
    if let referred {
      let orphans = try Set(names).subtracting(referred).subtracting(referredNow())
      if !orphans.isEmpty {
        found.add(
          "chat/blobs", .note,
          "\(orphans.count) that no conversation refers to; 'osaurus-host storage maintain --now' removes them"
        )
      }
    } else if !names.isEmpty {
      found.add("chat/blobs", .note, "what refers to them cannot be read")
    }
    found.add("chat/blobs", .good, "\(names.count) looked at, \(bytes) bytes")
  }

  private func referredNow() throws -> Set<BlobName> {
    guard DatabaseName.chatHistory.hasContent(in: folders) else { return [] }
    return try EncryptedDatabase.read(.chatHistory, in: folders, key: key) {
      try ChatIntegrity.referredBlobs($0)
    }
  }

  private func verifySlots(into found: inout StorageVerification) {
    do {
      let slots = try HostKeySlots(folders: folders, settings: settings).checked()
      found.add("keyslots.json", slots.isEmpty ? .note : .good, "\(slots.count) that fit the data key")
    } catch {
      found.add("keyslots.json", .broken, String(describing: error))
    }
  }
}
