import CIsolation
import Foundation

/// Where the journal of an agent's patch is: beside the agent's home on this machine, out of reach of its commands.
struct PatchFile: Sendable {
  private let folder: String
  private var journal: String { folder + "/patch.json" }

  init(_ places: AgentPlaces) { folder = places.folder.path }

  /// Holds the turn to patch, also against other processes of the host, until the value goes.
  func turn() throws(ToolFailure) -> Descriptor {
    let opened = open(folder + "/patch.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard opened >= 0 else { throw Self.failure("opened") }
    let lock = Descriptor(opened)
    guard flock(lock.number, LOCK_EX | LOCK_NB) == 0 else {
      throw ToolFailure(.unavailable, "Another patch is being applied.")
    }
    return lock
  }

  func read() -> PatchJournal? {
    guard let data = try? Data(contentsOf: URL(filePath: journal)) else { return nil }
    return try? JSONDecoder().decode(PatchJournal.self, from: data)
  }

  /// Keeps it in one step.
  func write(_ value: PatchJournal) throws(ToolFailure) {
    guard let data = try? JSONEncoder().encode(value) else { throw Self.failure("written") }
    let passing = journal + ".new"
    unlink(passing)
    let opened = open(passing, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard opened >= 0 else { throw Self.failure("written") }
    let file = Descriptor(opened)
    do {
      try file.writeAll(Array(data))
    } catch {
      throw Self.failure("written")
    }
    guard fsync(file.number) == 0, rename(passing, journal) == 0 else { throw Self.failure("written") }
    let place = Descriptor(open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC))
    if place.number >= 0 { fsync(place.number) }
  }

  func remove() { unlink(journal) }

  private static func failure(_ what: String) -> ToolFailure {
    ToolFailure(.executionError, "The journal of the patch could not be \(what).")
  }
}
