import Foundation
import GRDB
public import Keyring
import NIOPosix
import SecretMemory
import Storage
import Stores

/// Puts a fresh data key in the place of the one that everything stored is under, so that a crash at any moment leaves the
/// old one or the new, with everything under it.
///
/// Nothing is changed in place. The files of the new key are made in a folder of their own (`NextGeneration`) and
/// proven, attachments while everything goes on, databases while those who write wait. Then one write to the key store, where
/// both keys rest, says that they are good. Before it, the next start takes them away; after it, the next start puts
/// them in their place. Each step of that may be done twice.
public struct KeyRotation: Sendable {
  /// The places between two writes.
  enum Step: Hashable, Sendable {
    case folderMade, nextKeyStored, begun, blobsSealed, databaseCopied, slotsMade, committed
    case placing(NextGeneration.Step)
    case placed, keyReplaced, nextKeyRemoved, journalRemoved, folderRemoved
    case filesTaken, journalTaken, nextKeyTaken
  }

  /// What tests throw between two writes: as if the process had ended there, so nothing is mended.
  struct SuddenEnd: Error {}

  /// What was done.
  public struct Outcome: Codable, Hashable, Sendable {
    /// The generation of the data key from now on.
    public var generation: String
    public var databases = 0
    public var blobs = 0
    public var bytes = 0
    /// The kinds of the slots that open the new key.
    public var slots: [String] = []
    /// Whether it only had to be brought to its end.
    public var wasInterrupted = false
  }

  let folders: HostFolders
  let next: NextGeneration
  /// Tests let it end here.
  let reached: @Sendable (Step) throws -> Void

  public init(folders: HostFolders) { self.init(folders: folders) { _ in } }

  init(folders: HostFolders, reached: @escaping @Sendable (Step) throws -> Void) {
    self.folders = folders
    next = NextGeneration(of: folders)
    self.reached = reached
  }

  // MARK: While no service runs

  /// Replaces the key while no service runs. What an earlier attempt did is not done again.
  /// - Throws: ``HostError/dataInUse(folder:)`` while a service runs, ``HostError/othersAtWork`` while another command
  ///   has something open, ``HostError/rotationFailed(reason:)``, ``HostError/rotationCancelled``: everything is as it
  ///   was then. ``HostError/rotationUnfinished(reason:)`` once only the end is left.
  public func run(_ progress: RotationProgress = RotationProgress()) async throws -> Outcome {
    guard let service = try FileLock(tryFor: folders.serviceLock) else {
      throw HostError.dataInUse(folder: folders.data.path)
    }
    defer { withExtendedLifetime(service) {} }
    let use = try DataUse.alone(folders)
    defer { withExtendedLifetime(use) {} }
    if next.isThere, case .forward(let key) = try decision() {
      try takePlace(of: key, try RotatedHost(folders).store)
      return try Outcome(generation: key.generation.description, slots: slotKinds(), wasInterrupted: true)
    }
    // What would be migrated at the next start is now.
    let databases = try HostDatabases.open(in: folders, key: try RotatedHost(folders).key)
    databases.close()
    return try await run(at: StoppedData(use: use), progress)
  }

  // MARK: The steps

  /// Replaces the key of what `site` has open. The caller holds the lock of the service.
  func run(at site: some RotationSite, _ progress: RotationProgress) async throws -> Outcome {
    let host = try RotatedHost(folders)
    let work: Work
    do {
      work = try await off { try prepare(host, progress) }
      try await make(work, at: site, progress)
    } catch {
      throw await takeBack(error, host, site)
    }
    do {
      try host.store.store(work.journal.committed.encoded(under: work.new), as: .keyRotation)
    } catch {
      // Only the key store knows whether that was done.
      guard let isCommitted = try? host.hasCommitted(), !isCommitted else {
        throw await leave(error, site)
      }
      throw await takeBack(error, host, site)
    }
    do {
      try reached(.committed)
      progress.enterLast()
      try await off { try next.takePlace { try reached(.placing($0)) } }
      try reached(.placed)
      try await site.goOn(under: work.new)
    } catch {
      throw await leave(error, site)
    }
    do {
      try await off { try settle(under: work.new, host.store) }
    } catch {
      throw error is SuddenEnd ? error : HostError.rotationUnfinished(reason: "\(error)")
    }
    return Outcome(
      generation: work.new.generation.description, databases: work.extent.databases, blobs: work.extent.blobs,
      bytes: work.extent.bytes, slots: try slotKinds())
  }

  /// Both keys, and what is to be done.
  private struct Work: Sendable {
    let host: RotatedHost
    let new: DataKey
    let journal: RotationJournal
    let extent: Extent
  }

  /// Makes sure that nothing will be in the way, and puts the new key where keys rest.
  private func prepare(_ host: RotatedHost, _ progress: RotationProgress) throws -> Work {
    let extent = try extent()
    try extent.check()
    progress.begin(total: extent.bytes)
    for (_, condition) in try HostDatabases.conditions(in: folders, key: host.key) { _ = try condition.get() }
    let begun = try host.begunRotation()
    let new = begun?.key ?? DataKey.generate()
    // What would be refused at the end is refused now.
    _ = try host.slots(around: new)
    if let begun, next.isThere {
      return Work(host: host, new: new, journal: begun.journal, extent: extent)
    }
    try takeAway(host.store)
    try next.make()
    try reached(.folderMade)
    try new.store(in: host.store, as: .nextDataKey)
    guard let kept = try host.store.load(.nextDataKey), try DataKey(kept).isEqual(to: new) else {
      throw HostError.keyStoreForgets(host.store.kind.rawValue)
    }
    try reached(.nextKeyStored)
    let journal = RotationJournal(
      host: host.id, old: host.key.generation, new: new.generation,
      begun: Int64(Date().timeIntervalSince1970), state: .begun)
    try host.store.store(journal.encoded(under: new), as: .keyRotation)
    try reached(.begun)
    return Work(host: host, new: new, journal: journal, extent: extent)
  }

  /// Makes and proves the files of the new key, and closes those of the old one.
  private func make(_ work: Work, at site: some RotationSite, _ progress: RotationProgress) async throws {
    let early = try await off { try sealBlobs(work, known: [:], progress) }
    try progress.check()
    try await site.holdWriters()
    try progress.enter(.databases)
    try await off {
      let names = try sealBlobs(work, known: early, progress)
      try reached(.blobsSealed)
      try copyDatabases(work, names, progress)
      let file = KeySlotFile(folders: next.folders, host: work.host.id)
      if let slots = try work.host.slots(around: work.new) { try file.place(slots) } else { try file.clear() }
      try reached(.slotsMade)
    }
    try await site.close()
    try progress.check()
  }

  /// Seals every attachment anew that is not known yet, and lets go of those that are gone.
  private func sealBlobs(
    _ work: Work, known: [BlobName: BlobName], _ progress: RotationProgress
  ) throws -> [BlobName: BlobName] {
    let old = BlobStore(folders: folders, key: work.host.key)
    let new = BlobStore(folders: next.folders, key: work.new)
    let isFresh = known.isEmpty && next.hasNoBlobs
    let names = try old.names()
    if !names.isEmpty { try next.make() }
    let there = Set(names)
    let made = try new.reseal(names.filter { known[$0] == nil }, of: old, isFresh: isFresh) {
      try progress.advance(by: $0)
    }.merging(known.filter { there.contains($0.key) }) { made, _ in made }
    let wanted = Set(made.values)
    new.remove(try new.names().filter { !wanted.contains($0) })
    new.synchronize()
    return made
  }

  private func copyDatabases(
    _ work: Work, _ names: [BlobName: BlobName], _ progress: RotationProgress
  ) throws {
    let databases = try DatabaseName.existing(in: folders).filter { $0.hasContent(in: folders) }
    // An earlier attempt may have copied others.
    for name in try DatabaseName.existing(in: next.folders) where !databases.contains(name) {
      for file in name.files(in: next.folders) { try PrivateFile.remove(file) }
    }
    for name in databases {
      let change: ((Database) throws -> Void)? =
        name == .chatHistory && !names.isEmpty ? { try ChatBlobNames.exchange(names, in: $0) } : nil
      try DatabaseCopy.make(
        of: name, in: folders, under: work.host.key, at: next.folders, under: work.new, changing: change
      ) { try progress.advance(by: $0) }
      try reached(.databaseCopied)
    }
  }

  /// Lets everybody go on under the old key, and takes away what was made.
  /// - Returns: what is to be thrown.
  private func takeBack(
    _ error: any Error, _ host: RotatedHost, _ site: some RotationSite
  ) async -> any Error {
    if error is SuddenEnd { return await leave(error, site) }
    do {
      try await site.goOn(under: host.key)
      try takeAway(host.store)
    } catch {
      return await leave(error, site)
    }
    if let error = error as? HostError, error == .rotationCancelled { return error }
    return HostError.rotationFailed(reason: "\(error)")
  }

  /// Lets nobody have anything any more: the next start does what is left.
  private func leave(_ error: any Error, _ site: some RotationSite) async -> any Error {
    await site.shut(.file(.file(path: folders.data.path, reason: "its data key is being replaced")))
    return error is SuddenEnd ? error : HostError.rotationUnfinished(reason: "\(error)")
  }

  private func slotKinds() throws -> [String] {
    guard let file = try HostSettingsFile.read(folders) else { return [] }
    return try KeySlotFile(folders: folders, host: file.hostID).read()?.slots.map(\.kind.name) ?? []
  }

  /// Runs what takes long where nobody waits for a thread.
  private func off<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
    try await NIOThreadPool.singleton.runIfActive(body)
  }
}
