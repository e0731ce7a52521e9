import CIsolation
import Foundation
import Glibc
import Synchronization

/// The plugins of one agent: each in a folder of its own, beside the agent's home and out of reach of its commands.
///
/// A plugin is made ready in a folder that nothing names, with its setup, and gets its name in one step at the end; where another one has
/// it, the two are exchanged. A sudden end of the host leaves the old one or the new one, and what else it leaves is taken away before the
/// next change.
public final class PluginShelf: Sendable {
  /// How many an agent has.
  public static let most = 32
  /// How many tools they have together.
  public static let mostTools = 128

  /// Where a test can end a change, as a sudden end of the host would.
  enum Point: Hashable, Sendable, CaseIterable {
    case begun, filled, setUp, recorded, switched, cleaned
    case unnamed, forgotten, removed
  }

  /// The sudden end: nothing more is done.
  struct Stopped: Error {}

  /// What is there.
  public struct Contents: Sendable {
    /// In the order of their ids.
    public var plugins: [InstalledPlugin] = []
    /// Ids whose record cannot be read; nothing of them runs.
    public var damaged: [RecipeID] = []
  }

  private let places: AgentPlaces
  private let reached: @Sendable (Point) throws -> Void
  private let held = Mutex<Contents?>(nil)
  private var folder: URL { places.pluginsFolder }

  /// - Parameter places: of the agent.
  public convenience init(of places: AgentPlaces) { self.init(of: places) { _ in } }

  init(of places: AgentPlaces, reached: @escaping @Sendable (Point) throws -> Void) {
    self.places = places
    self.reached = reached
  }

  /// What is there, as it was when this last changed it.
  public var contents: Contents {
    held.withLock { held in
      if let held { return held }
      let read = read()
      held = read
      return read
    }
  }

  /// - Throws: ``PluginRefusal/notFound(_:)``.
  public func plugin(_ id: String) throws(PluginRefusal) -> InstalledPlugin {
    guard let plugin = contents.plugins.first(where: { $0.id.description == id }) else {
      throw .notFound(VisibleText.escaped(String(id.prefix(100))))
    }
    return plugin
  }

  /// Whether there is something of that id, damaged or not.
  public func has(_ id: String) -> Bool {
    contents.plugins.contains { $0.id.description == id }
      || contents.damaged.contains { $0.description == id }
  }

  // MARK: Changes

  /// Installs a plugin, or throws and leaves everything as it was.
  /// - Parameters:
  ///   - admit: is told what is there of the id, while nothing else can change it; what it throws ends it.
  ///   - setUp: runs the setup in these places.
  /// - Throws: ``PluginRefusal``, and what the two throw.
  public func install(
    _ order: PluginOrder, admit: (InstalledPlugin?) async throws -> Void,
    setUp: (AgentPlaces) async throws -> PluginSetup?
  ) async throws -> PluginOutcome {
    let turn = try turn()
    defer { withExtendedLifetime(turn) {} }
    let id = order.recipe.id
    let present = reread()
    let old = present.plugins.first { $0.id == id }
    if let old, old.recipe.contentHash == order.recipe.contentHash, old.maker == order.maker {
      return PluginOutcome(plugin: old, change: .unchanged)
    }
    let isThere = old != nil || present.damaged.contains(id)
    if isThere, !order.replaces { throw PluginRefusal.exists(id) }
    guard isThere || present.plugins.count + present.damaged.count < Self.most else {
      throw PluginRefusal.tooMany(Self.most)
    }
    let others = present.plugins.filter { $0.id != id }.reduce(0) { $0 + $1.recipe.tools.count }
    guard others + order.recipe.tools.count <= Self.mostTools else {
      throw PluginRefusal.tooMany(Self.mostTools)
    }
    try await admit(old)
    let name = ".new-\(CommandSessionID().description.prefix(16))"
    let new = folder.appending(path: name)
    do {
      try reached(.begun)
      try Self.fill(new, with: order.recipe.files)
      try reached(.filled)
      let setup = try await setUp(places.ofPlugin(in: new, mayChangeCode: true))
      try reached(.setUp)
      try record(order, setup, in: new)
      try reached(.recorded)
      try rename(name, id.description, isThere ? OSR_EXCHANGE : OSR_KEEP)
    } catch let stopped as Stopped {
      throw stopped
    } catch {
      clear(name)
      throw error
    }
    try reached(.switched)
    // What was exchanged has the other name now.
    if isThere { clear(name) }
    try reached(.cleaned)
    let contents = reread()
    guard let plugin = contents.plugins.first(where: { $0.id == id }) else {
      throw PluginRefusal.folder("what was installed cannot be read")
    }
    return PluginOutcome(plugin: plugin, change: isThere ? .replaced : .installed)
  }

  /// Removes a plugin with all that it kept.
  /// - Parameter forget: takes away what is kept of it elsewhere, once it is nobody's any more.
  /// - Throws: ``PluginRefusal``, and what `forget` throws.
  public func remove(_ id: String, forget: (RecipeID) async throws -> Void) async throws {
    let turn = try turn()
    defer { withExtendedLifetime(turn) {} }
    let present = reread()
    guard
      let found = (present.plugins.map(\.id) + present.damaged).first(where: { $0.description == id })
    else { throw PluginRefusal.notFound(VisibleText.escaped(String(id.prefix(100)))) }
    let name = ".gone-\(CommandSessionID().description.prefix(16))"
    try rename(id, name, OSR_KEEP)
    _ = reread()
    try reached(.unnamed)
    try await forget(found)
    try reached(.forgotten)
    clear(name)
    try reached(.removed)
  }

  /// Holds the turn to change something, also against other processes of the host, until the value goes. Takes away what an earlier
  /// change left that was interrupted.
  private func turn() throws -> Turn {
    do {
      try places.prepare()
      try AgentPlaces.make(folder)
    } catch {
      throw PluginRefusal.folder("\(error)")
    }
    let opened = open(folder.path + "/.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard opened >= 0 else { throw PluginRefusal.folder(SystemError.last.description) }
    let turn = Turn(lock: Descriptor(opened))
    guard flock(turn.lock.number, LOCK_EX | LOCK_NB) == 0 else { throw PluginRefusal.busy }
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    where name.hasPrefix(".new-") || name.hasPrefix(".gone-") {
      clear(name)
    }
    return turn
  }

  private final class Turn: Sendable {
    let lock: Descriptor

    init(lock: consuming Descriptor) { self.lock = lock }
  }

  // MARK: Files

  private static func fill(_ new: URL, with files: [PluginFile]) throws {
    let code = new.appending(path: "code")
    do {
      for place in [new, code, new.appending(path: "home")] { try AgentPlaces.make(place) }
      for file in files {
        var place = code
        for component in file.path.components.dropLast() {
          place.append(path: component)
          try AgentPlaces.make(place)
        }
        let path = code.appending(path: file.path.description).path
        let opened = open(
          path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, file.isProgram ? 0o700 : 0o600)
        guard opened >= 0 else { throw SystemError.last }
        let written = Descriptor(opened)
        try written.writeAll(Array(file.text.utf8))
        guard fsync(written.number) == 0 else { throw SystemError.last }
      }
    } catch {
      throw PluginRefusal.folder("\(error)")
    }
  }

  /// Writes what is kept of it beside its code.
  private func record(_ order: PluginOrder, _ setup: PluginSetup?, in new: URL) throws {
    let record = PluginRecord(
      recipe: order.recipe.json, maker: order.maker, installedAt: Date(), setup: setup)
    do {
      let path = new.appending(path: Self.recordName).path
      let opened = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
      guard opened >= 0 else { throw SystemError.last }
      let file = Descriptor(opened)
      try file.writeAll(Array(try JSONEncoder().encode(record)))
      let place = Descriptor(open(new.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC))
      guard fsync(file.number) == 0, fsync(place.number) == 0 else { throw SystemError.last }
    } catch {
      throw PluginRefusal.folder("\(error)")
    }
  }

  private func rename(_ name: String, _ newName: String, _ how: osr_rename_how) throws {
    let place = Descriptor(open(folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC))
    let error =
      place.number < 0 ? errno : osr_rename(place.number, name, place.number, newName, Int32(how.rawValue))
    guard error == 0 else { throw PluginRefusal.folder(SystemError(number: error).description) }
    fsync(place.number)
  }

  /// Takes a folder away that nothing names; what cannot go now goes before the next change.
  private func clear(_ name: String) {
    let place = Descriptor(open(folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC))
    guard place.number >= 0 else { return }
    var removal = FolderRemoval()
    try? removal.remove(name, in: place, shownAs: name)
  }

  private static let recordName = "plugin.json"

  private func reread() -> Contents {
    held.withLock { held in
      let read = read()
      held = read
      return read
    }
  }

  private func read() -> Contents {
    var contents = Contents()
    for name in ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted() {
      guard let id = try? RecipeID(name) else { continue }
      let place = folder.appending(path: name)
      let decoder = JSONDecoder()
      guard let file = try? SandboxFolder(place.path),
        let bytes = try? file.read(record: Self.recordName, limit: PluginRecipe.longest * 2),
        let record = try? decoder.decode(PluginRecord.self, from: Data(bytes)),
        let recipe = try? PluginRecipe(record.recipe), recipe.id == id
      else {
        contents.damaged.append(id)
        continue
      }
      contents.plugins.append(
        InstalledPlugin(
          recipe: recipe, maker: record.maker, installedAt: record.installedAt, setup: record.setup,
          folder: place))
    }
    return contents
  }
}

extension SandboxFolder {
  /// The whole of a small plain file of the host's own in this folder.
  fileprivate func read(record name: String, limit: Int) throws -> [UInt8] {
    let file = try Descriptor(
      opened: osr_open_beneath(place.number, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0))
    var status = stat()
    guard fstat(file.number, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size <= limit else {
      throw SystemError(number: EINVAL)
    }
    return try file.contents()
  }
}
