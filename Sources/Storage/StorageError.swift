public import Keyring

/// Why what is stored could not be opened, each with what a person can do about it. Whatever the reason, nothing that
/// was there was changed.
public enum StorageError: Error, Hashable, Sendable {
  /// The data key is not the one that the database was written with, or the file is no database.
  case wrongKey(database: String)
  /// Databases are here, but the key store has no data key.
  case keyMissingForExistingData
  /// The bytes are not a 32-byte key.
  case malformedKey
  /// A newer version of osaurus-host wrote the database.
  case newerSchema(database: String)
  /// The SQLite that was loaded does not encrypt.
  case notEncrypting
  /// The SQLite that was loaded has no FTS5.
  case noFullText
  /// A file or folder is not as it should be.
  case file(KeyringError)
  /// The database refused.
  case database(name: String, reason: String)
  /// The disk takes nothing more.
  case disk(database: String, DiskRefusal)
  /// Another process kept the database for itself.
  case busy(database: String)
  /// The database's bytes are not what was written.
  case damaged(database: String, reason: String)
  /// A database's file is gone, and things that belong to it are still there.
  case fileMissing(database: String, left: String)
  /// A database could not be brought to the schema of this version.
  case migration(database: String, reason: String)
  /// As many databases of agents and plugins are in use as may be.
  case tooManyOpen(limit: Int)
  /// Somebody is at work in the databases who does not come to an end.
  case inUse
  /// A sealed file cannot be had.
  case sealedFile(name: String, SealedFileFault)
  /// `keyslots.json` is not what this program wrote.
  case malformedSlots
  /// A newer version of osaurus-host wrote `keyslots.json`.
  case newerSlots
  /// An earlier version of osaurus-host wrote `keyslots.json`, in a form that is not read any more.
  case olderSlots
  /// `keyslots.json` belongs to another host.
  case slotsOfAnotherHost
  /// `keyslots.json` does not fit the data key: somebody who does not have it changed the file.
  case alteredSlots
  /// There is no key slot of that name.
  case noSuchSlot(String)
  /// The only key slot cannot be removed.
  case lastSlot
  /// A slot of this kind could not be made anew around another data key.
  case slotCannotFollow(String, reason: String)
  /// There is a slot for the 24 words already.
  case phraseSlotExists
  /// There are as many slots as there may be.
  case tooManySlots(limit: Int)
}

extension StorageError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .wrongKey(let database):
      "\(database) does not open under this host's data key. It was left as it is. If the key store was replaced, bring the old one back."
    case .keyMissingForExistingData:
      "There is stored data here, but its key is missing from the key store. No new key was made. Bring the key store back (log in to the desktop, or restore keys.json)."
    case .malformedKey: "What the key store holds as the data key is not a key."
    case .newerSchema(let database):
      "\(database) was written by a newer version of osaurus-host. Update this one; nothing was changed."
    case .notEncrypting:
      "The SQLite library that was loaded does not encrypt. Install libsqlcipher 4.5 or newer (scripts/setup does)."
    case .noFullText:
      "The SQLite library that was loaded has no full-text search (FTS5). Install Debian's libsqlcipher (scripts/setup does)."
    case .file(let error): error.description
    case .database(let name, let reason): "\(name): \(reason)."
    case .disk(let database, let refusal): "\(database): \(refusal.description)"
    case .busy(let database):
      "\(database) is being kept by another process. Try again; if it stays so, 'fuser' tells which process that is."
    case .damaged(let database, let reason):
      "\(database) is damaged (\(reason)). It was left as it is. Look at it with 'osaurus-host storage verify', then restore it from a backup, or move it aside with 'osaurus-host storage quarantine \(database)'."
    case .fileMissing(let database, let left):
      "\(database) is gone, but \(left) is still there, so no empty one was made in its place. Restore it from a backup, or move the rest aside with 'osaurus-host storage quarantine \(database)'."
    case .migration(let database, let reason):
      "\(database) could not be brought up to date (\(reason)). It is as it was; go back to the version of osaurus-host that wrote it."
    case .tooManyOpen(let limit):
      "\(limit) databases of agents and plugins are in use at once, which is the most; try again in a moment."
    case .inUse:
      "Something is at work in the databases that does not come to an end; try again in a moment. Nothing was changed."
    case .sealedFile(let name, let fault): "\(name): \(fault.description)"
    case .malformedSlots:
      "keyslots.json in the data folder is not what osaurus-host wrote. It was left as it is; restore it from a backup, or move it away and run 'osaurus-host storage slots add phrase'."
    case .newerSlots:
      "keyslots.json in the data folder was written by a newer version of osaurus-host. Update this one; nothing was changed."
    case .olderSlots:
      "keyslots.json in the data folder was written by an earlier version of osaurus-host, whose form is not read any more. It was left as it is; move it away and run 'osaurus-host storage slots add phrase'."
    case .slotsOfAnotherHost:
      "keyslots.json in the data folder belongs to another host. Bring back the one that belongs here; nothing was changed."
    case .alteredSlots:
      "keyslots.json in the data folder does not fit this host's data key: somebody without that key changed the file, or the key store holds another key. Restore it from a backup, or move it away and run 'osaurus-host storage slots add phrase'; nothing was changed."
    case .noSuchSlot(let name): "There is no key slot '\(name)'; see 'osaurus-host storage slots list'."
    case .lastSlot:
      "This is the only key slot, and without it a lost key store would lose everything; add another one first."
    case .slotCannotFollow(let kind, let reason):
      "The key slot '\(kind)' cannot be made anew around another data key (\(reason)). Remove it first with 'osaurus-host storage slots remove \(kind)', and add it again afterwards; nothing was changed."
    case .phraseSlotExists:
      "The 24 words have a key slot already; try it with 'osaurus-host storage slots test phrase'."
    case .tooManySlots(let limit):
      "There are \(limit) key slots already, which is the most; remove one with 'osaurus-host storage slots remove'."
    }
  }
}
