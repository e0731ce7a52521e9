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

  fileprivate mutating func add(_ part: String, _ state: Finding.State, _ detail: String) {
    findings.append(Finding(part: part, state: state, detail: detail))
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
        let (problems, blobs) = inside(name, isCurrent: condition == .current)
        for problem in problems { found.add(name.rawValue, .broken, problem) }
        if problems.isEmpty {
          found.add(name.rawValue, .good, "every page, table and index is as it was written")
        }
        if name == .chatHistory { referred = blobs }
      }
    }
    try verify(names, referred: referred, into: &found) { done in
      progress(.init(part: names[done].path, done: conditions.count + done, all: all))
    }
    verifySlots(into: &found)
    return found
  }

  /// What is wrong inside a database that opens, and the blobs that it refers to where it tells.
  func inside(_ name: DatabaseName, isCurrent: Bool) -> (problems: [String], blobs: Set<BlobName>?) {
    do {
      return try EncryptedDatabase.read(name, in: folders, key: key) { database in
        let problems = try DatabaseIntegrity.problems(database)
        guard isCurrent, problems.isEmpty else { return (problems, nil) }
        switch name {
        case .chatHistory:
          let chat = try ChatIntegrity(checking: database)
          return (chat.problems, chat.blobs)
        case .memory: return (try MemoryIntegrity.problems(database), nil)
        case .host, .methods, .toolIndex, .agent, .plugin: return ([], nil)
        }
      }
    } catch {
      return ([error.description], nil)
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
