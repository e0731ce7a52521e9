public import Foundation
import GRDB
public import Identity

/// An agent: who it is, what it is told, and the address that it answers from.
public struct AgentRecord: Codable, Hashable, Identifiable, Sendable {
  public let id: UUID
  public var name: String
  public var description: String
  public var systemPrompt: String
  /// The model it uses; the host's default without one.
  public var model: String?
  /// The number of its key below the master; nil for an agent whose address was revoked.
  public internal(set) var keyIndex: AgentIndex?
  /// The address of that key. Without one, the agent is there for the owner and this machine alone.
  public internal(set) var address: Address?
  /// Whether other machines may find and reach it. For them an agent that is not exposed does not exist, whatever
  /// key they hold; this machine and the owner reach every agent.
  public var isExposed: Bool
  /// Whether devices that are not let in yet may find it and ask for it; see ``isOpenToPairing``.
  public var isPairable: Bool
  public let createdAt: Date
  public internal(set) var updatedAt: Date
}

extension AgentRecord: StoredRecord {
  public static let databaseTableName = "agents"

  /// Whether other machines may know of it at all.
  public var isReachableFromElsewhere: Bool { isExposed && address != nil }

  /// Whether other machines may be told that it is here, and be let in by pairing where the owner allows it each time.
  public var isOpenToPairing: Bool { isPairable && isReachableFromElsewhere }
}

/// The agents of a host. An index is never given twice, not even after its agent is gone: an old key must not open a
/// new agent.
public struct AgentStore: Sendable {
  /// The longest name, in characters.
  public static let longestName = 64

  private let pool: StoreDatabase

  /// - Parameter pool: a database with ``HostSchema``.
  public init(_ pool: StoreDatabase) { self.pool = pool }

  /// Every agent, in the order in which they were made.
  public func list() async throws -> [AgentRecord] {
    try await pool.read { try AgentRecord.order(Column("created_at"), Column("id")).fetchAll($0) }
  }

  /// The agent with an id.
  public func find(id: UUID) async throws -> AgentRecord? {
    try await pool.read { try Self.find("id", id.uuidString, $0) }
  }

  /// The agent that answers from an address now.
  public func find(address: Address) async throws -> AgentRecord? {
    try await pool.read { try Self.find("address", address.checksummed, $0) }
  }

  /// The agent that a person means by an id, an address or a name.
  /// - Throws: ``StoresError/noSuchAgent(_:)``.
  public func find(reference: String) async throws -> AgentRecord {
    let found = try await pool.read { database in
      if let id = UUID(uuidString: reference) { return try Self.find("id", id.uuidString, database) }
      if let address = Address(ignoringChecksum: reference) {
        return try Self.find("address", address.checksummed, database)
      }
      return try Self.find("name", reference, database)
    }
    guard let found else { throw StoresError.noSuchAgent(reference) }
    return found
  }

  private static func find(_ column: String, _ value: String, _ database: Database) throws -> AgentRecord? {
    try AgentRecord.filter(Column(column) == value).fetchOne(database)
  }

  /// Makes an agent under the next index, or under one that the owner names.
  /// - Parameter derive: gives the address of an index.
  /// - Throws: ``StoresError/badName``, ``StoresError/nameTaken(_:)``, ``StoresError/indexGiven(_:)``, or what `derive`
  ///   throws.
  public func create(
    name: String, description: String = "", systemPrompt: String = "", model: String? = nil,
    isExposed: Bool = true, isPairable: Bool = true, index wanted: AgentIndex? = nil, now: Date = Date(),
    derive: @escaping @Sendable (AgentIndex) throws -> Address
  ) async throws -> AgentRecord {
    let name = try Self.checked(name)
    return try await pool.write { database in
      try Self.refuse(taken: name, except: nil, database)
      let (index, address) =
        try wanted.map { try Self.address(at: $0, derive, database) }
        ?? Self.nextAddress(derive, database)
      let record = AgentRecord(
        id: UUID(), name: name, description: description.asStored, systemPrompt: systemPrompt.asStored,
        model: model, keyIndex: index, address: address, isExposed: isExposed, isPairable: isPairable,
        createdAt: now.asStored, updatedAt: now.asStored)
      try record.insert(database)
      try RisingCounter.generation.next(database)
      return record
    }
  }

  /// Changes what an agent is called and told. Its index and address stay.
  /// - Throws: ``StoresError/noSuchAgent(_:)``, ``StoresError/badName``, ``StoresError/nameTaken(_:)``.
  public func update(
    _ id: UUID, now: Date = Date(), _ change: @escaping @Sendable (inout AgentRecord) -> Void
  ) async throws -> AgentRecord {
    try await pool.write { database in
      guard var record = try Self.find("id", id.uuidString, database) else {
        throw StoresError.noSuchAgent(id.uuidString)
      }
      let before = record
      change(&record)
      record.name = try Self.checked(record.name)
      record.description = record.description.asStored
      record.systemPrompt = record.systemPrompt.asStored
      try Self.refuse(taken: record.name, except: id, database)
      record.updatedAt = now.asStored
      try record.update(database)
      // Others see name and description, too.
      let isSeen =
        record.isExposed != before.isExposed || record.isPairable != before.isPairable
        || record.name != before.name
        || record.description != before.description
      if isSeen { try RisingCounter.generation.next(database) }
      return record
    }
  }

  /// Gives an agent a fresh index and address, and retires the old one, if it has one, all at once.
  /// - Throws: ``StoresError/noSuchAgent(_:)``, or what `derive` throws.
  public func rotate(
    _ id: UUID, now: Date = Date(), derive: @escaping @Sendable (AgentIndex) throws -> Address
  ) async throws -> AgentRecord {
    try await change(id, now: now) { record, database in
      try Self.retireAddress(of: record, now: now, database)
      (record.keyIndex, record.address) = try Self.nextAddress(derive, database)
      record.updatedAt = now.asStored
      try record.update(database)
    }
  }

  /// Takes an agent's address away for good and revokes every key of it, all at once. The agent and what was said
  /// with it stay, and ``rotate(_:now:derive:)`` gives it a fresh address.
  /// - Throws: ``StoresError/noSuchAgent(_:)``.
  public func revokeAddress(_ id: UUID, now: Date = Date()) async throws -> AgentRecord {
    try await change(id, now: now) { record, database in
      guard record.address != nil || record.keyIndex != nil else { return }
      try Self.retireAddress(of: record, now: now, database)
      (record.keyIndex, record.address) = (nil, nil)
      record.updatedAt = now.asStored
      try record.update(database)
    }
  }

  /// Removes an agent and revokes every key of its address, all at once.
  /// - Parameter forgetting: whether it is noted, all at once with that, that what it left is to go.
  /// - Returns: The agent as it was.
  /// - Throws: ``StoresError/noSuchAgent(_:)``.
  @discardableResult
  public func delete(
    _ id: UUID, forgetting: Bool = false, now: Date = Date()
  ) async throws -> AgentRecord {
    try await change(id, now: now) { record, database in
      try Self.retireAddress(of: record, now: now, database)
      try record.delete(database)
      if forgetting { try Self.noteForgetting(of: id, now: now, database) }
    }
  }

  /// Notes that what an agent left that is gone already is to go, too.
  /// - Throws: ``StoresError/nameTaken(_:)`` where there is such an agent still.
  public func forget(gone id: UUID, now: Date = Date()) async throws {
    try await pool.write { database in
      if let there = try Self.find("id", id.uuidString, database) { throw StoresError.nameTaken(there.name) }
      try Self.noteForgetting(of: id, now: now, database)
    }
  }

  /// The agents of which what they left is to go.
  public func forgetting() async throws -> [UUID] {
    try await pool.read { database in
      try String.fetchAll(database, sql: "SELECT agent_id FROM forgetting ORDER BY since")
        .compactMap(UUID.init(uuidString:))
    }
  }

  /// Notes that nothing is left of an agent.
  public func forgot(_ id: UUID) async throws {
    try await pool.write {
      try $0.execute(sql: "DELETE FROM forgetting WHERE agent_id = ?", arguments: [id.uuidString])
    }
  }

  private static func noteForgetting(of id: UUID, now: Date, _ database: Database) throws {
    try database.execute(
      sql: "INSERT OR IGNORE INTO forgetting (agent_id, since) VALUES (?, ?)",
      arguments: [id.uuidString, now.timeIntervalSince1970])
  }

  /// One transaction about one agent, after which who may come in is looked at again.
  private func change(
    _ id: UUID, now: Date, _ body: @escaping @Sendable (inout AgentRecord, Database) throws -> Void
  ) async throws -> AgentRecord {
    try await pool.write { database in
      guard var record = try Self.find("id", id.uuidString, database) else {
        throw StoresError.noSuchAgent(id.uuidString)
      }
      try body(&record, database)
      try RisingCounter.generation.next(database)
      return record
    }
  }

  private static func retireAddress(of record: AgentRecord, now: Date, _ database: Database) throws {
    guard let address = record.address else { return }
    try AccessKeyStore.retire(address, now: now, database)
    try TrustedIssuerStore.forget(agent: address, database)
  }

  /// The address of an index that the owner names. It may be one that another host has served.
  private static func address(
    at wanted: AgentIndex, _ derive: (AgentIndex) throws -> Address, _ database: Database
  ) throws -> (AgentIndex, Address) {
    let index = try AgentIndices.take(wanted, database)
    let address = try derive(index)
    guard try !AccessKeyStore.isRetired(address, database) else {
      throw StoresError.indexGiven(wanted.rawValue)
    }
    return (index, address)
  }

  /// The next index whose address no agent ever had, and that address.
  private static func nextAddress(
    _ derive: (AgentIndex) throws -> Address, _ database: Database
  ) throws -> (AgentIndex, Address) {
    while true {
      let index = try AgentIndices.take(nil, database)
      let address = try derive(index)
      if try AccessKeyStore.begin(address, database) { return (index, address) }
    }
  }

  private static let breaksLines: Set<Unicode.GeneralCategory> = [
    .control, .lineSeparator, .paragraphSeparator,
  ]

  private static func checked(_ name: String) throws -> String {
    let trimmed = name.trimmingCharacters(in: .whitespaces)
    // A character may have any number of marks, so the bytes are counted, too.
    guard !trimmed.isEmpty, trimmed.count <= longestName, trimmed.utf8.count <= 4 * longestName,
      !trimmed.unicodeScalars.contains(where: { breaksLines.contains($0.properties.generalCategory) }),
      // An agent is found by id and address first, so such a name would stand for another one.
      UUID(uuidString: trimmed) == nil, Address(ignoringChecksum: trimmed) == nil
    else { throw StoresError.badName }
    return trimmed
  }

  private static func refuse(taken name: String, except id: UUID?, _ database: Database) throws {
    guard let other = try find("name", name, database), other.id != id else { return }
    throw StoresError.nameTaken(other.name)
  }
}
