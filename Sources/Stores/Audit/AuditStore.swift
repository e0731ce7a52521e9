public import Foundation
import GRDB
public import Identity

/// The audit in the host's database: a chain of records of which nothing can be changed unseen, and the host's signatures over it.
///
/// The chain grows in one transaction a call, whichever process it is in. It is bounded: beyond ``mostRecords`` the oldest
/// ones go, if a signature covers them and they are older than ``leastAge``; else nothing more is taken.
public struct AuditStore: Sendable {
  /// The most records that are kept.
  public static let mostRecords: Int64 = 200_000
  /// How old a record is before it makes room for a new one.
  public static let leastAge = Duration.seconds(30 * 24 * 3600)
  /// Records after which the host signs.
  public static let mostUnsigned: Int64 = 64
  /// Records in one answer.
  public static let mostListed = 5000

  private let pool: StoreDatabase
  private let binding: AuditBinding
  private let key: SigningKey?
  private let mostRecords: Int64

  /// - Parameters:
  ///   - pool: a database with ``HostSchema``.
  ///   - host: the id of the host.
  ///   - identity: whose audit it is.
  ///   - key: what signs, which has to be of that identity; without one, records wait for a signature.
  public init(
    _ pool: StoreDatabase, host: UUID, identity: Address, key: SigningKey?
  ) { self.init(pool, host: host, identity: identity, key: key, mostRecords: Self.mostRecords) }

  init(_ pool: StoreDatabase, host: UUID, identity: Address, key: SigningKey?, mostRecords: Int64) {
    self.pool = pool
    binding = AuditBinding(host: host, signer: identity)
    self.key = key?.address == identity ? key : nil
    self.mostRecords = mostRecords
  }

  // MARK: Writing

  /// Writes down what happened, all at once, and signs if it is time to. What this returned for is on disk.
  /// - Returns: the numbers of the records.
  /// - Throws: ``StoresError/auditFull``, or what the database says. Nothing was written then.
  @discardableResult
  public func append(_ events: [AuditEvent]) async throws -> [Int64] {
    guard let latest = events.map(\.time).max() else { return [] }
    return try await pool.write { [self] database in
      var end = try end(database, at: latest)
      try makeRoom(for: Int64(events.count), at: latest, &end, database)
      let numbers = try events.map { event in
        try end.add(Self.completed(event, database), database)
        return end.sequence
      }
      if end.sequence - end.signedThrough >= Self.mostUnsigned { try sign(&end, at: latest, database) }
      return numbers
    }
  }

  /// Signs what no signature covers yet.
  /// - Returns: how many records still wait for one.
  @discardableResult
  public func sign(now: Date = Date()) async throws -> Int64 {
    guard key != nil else { return try await unsigned() }
    // Most often there is nothing to do, and nobody has to wait for the one who may write.
    guard try await unsigned() > 0 else { return 0 }
    return try await pool.write { [self] database in
      let time = AuditEvent.milliseconds(now)
      var end = try end(database, at: time)
      try sign(&end, at: time, database)
      return end.sequence - end.signedThrough
    }
  }

  /// Says that the audit is this identity's from now on, where it was another one's until now.
  public func settle(now: Date = Date()) async throws {
    let isOwn = try await pool.read { [binding] database in
      let owner = try Self.owner(database)
      return owner == nil || owner == binding
    }
    guard !isOwn else { return }
    try await pool.write { [self] database in
      let time = AuditEvent.milliseconds(now)
      var end = try end(database, at: time)
      try sign(&end, at: time, database)
    }
  }

  /// Removes the oldest records, up to the newest signature that is not after `sequence`. The chain goes on from there. That it was
  /// done is a record of its own.
  /// - Returns: the number of the newest record that is gone; what it was before where there is no such signature.
  public func prune(through sequence: Int64, now: Date = Date()) async throws -> Int64 {
    try await pool.write { [self] database in
      let time = AuditEvent.milliseconds(now)
      var end = try end(database, at: time)
      try sign(&end, at: time, database)
      return try prune(through: sequence, by: .owner, at: time, &end, database)
    }
  }

  // MARK: Reading

  /// Records, the oldest first.
  /// - Parameters:
  ///   - agent: only those about it.
  ///   - since: only those from then on.
  ///   - limit: how many, of the newest.
  public func list(agent: UUID? = nil, since: Date? = nil, limit: Int = 50) async throws -> [AuditRecord] {
    try await pool.read { database in
      let rows = try Data.fetchAll(
        database,
        sql: """
          SELECT record FROM audit WHERE (?1 IS NULL OR subject = ?1) AND time >= ?2
            ORDER BY sequence DESC LIMIT ?3
          """,
        arguments: [
          agent?.uuidString, since.map(AuditEvent.milliseconds) ?? 0, min(max(limit, 0), Self.mostListed),
        ])
      return rows.reversed().compactMap { AuditRecord(bytes: [UInt8]($0)) }
    }
  }

  /// How many records no signature covers.
  public func unsigned() async throws -> Int64 {
    try await pool.read { database in
      let bounds = try Self.bounds(database)
      return max(0, bounds.last - max(bounds.floor, try Self.newestCheckpoint(database)))
    }
  }

  /// Looks at all of it.
  public func verify() async throws -> AuditReport {
    try await pool.read { [binding] database in
      let bounds = try Self.bounds(database)
      var verifier = AuditVerifier(bounds)
      let checkpoints = try AuditCheckpoint.fetchCursor(
        database, sql: "SELECT * FROM audit_checkpoints ORDER BY sequence")
      var next = try checkpoints.next()
      func takeCheckpoints(through sequence: Int64) throws {
        while let checkpoint = next, checkpoint.sequence <= sequence {
          verifier.take(checkpoint)
          next = try checkpoints.next()
        }
      }
      try takeCheckpoints(through: bounds.floor)
      let rows = try Row.fetchCursor(database, sql: "SELECT * FROM audit ORDER BY sequence")
      while let row = try rows.next() {
        try takeCheckpoints(through: row["sequence"] as Int64 - 1)
        verifier.take(AuditVerifier.Kept(row))
        try takeCheckpoints(through: row["sequence"])
      }
      return verifier.finished(newest: try Self.newestCheckpoint(database), own: binding)
    }
  }

  /// The next lines of an export: see ``AuditExport``.
  /// - Parameter after: the number of the record that was exported last; nil for the beginning.
  public func export(after sequence: Int64?, limit: Int = mostListed) async throws -> AuditExport {
    try await pool.read { try AuditExport($0, after: sequence, limit: min(max(limit, 1), Self.mostListed)) }
  }

  /// Reads all of what `body` wants as it is at one moment.
  func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
    try await pool.read(body)
  }
}

// MARK: - Inside a transaction

extension AuditStore {
  /// Where the chain ends.
  private struct End {
    var sequence: Int64
    var hash: [UInt8]
    var floor: Int64
    var signedThrough: Int64

    /// Writes the next record.
    mutating func add(_ event: AuditEvent, _ database: Database) throws {
      let record = AuditRecord(sequence: sequence + 1, event: event)
      let bytes = record.bytes
      hash = AuditChain.hash(of: bytes, after: hash)
      sequence += 1
      try database.cachedStatement(
        sql: "INSERT INTO audit (sequence, time, kind, subject, record, hash) VALUES (?, ?, ?, ?, ?, ?)"
      ).execute(arguments: [
        sequence, event.time, event.kind.rawValue, event.subject?.uuidString, Data(bytes), Data(hash),
      ])
      try database.cachedStatement(sql: "UPDATE audit_bounds SET last = ?").execute(arguments: [sequence])
    }
  }

  static func bounds(_ database: Database) throws -> AuditVerifier.Bounds {
    guard let row = try Row.fetchOne(database, sql: "SELECT * FROM audit_bounds") else {
      throw StoresError.counterMissing
    }
    var bounds = AuditVerifier.Bounds()
    bounds.last = row["last"]
    bounds.floor = row["floor"]
    bounds.hash = [UInt8](row["hash"] as Data)
    if let host = (row["host"] as String?).flatMap(UUID.init),
      let signer = Address.fromDatabaseValue(row["signer"])
    {
      bounds.binding = AuditBinding(host: host, signer: signer)
    }
    return bounds
  }

  static func newestCheckpoint(_ database: Database) throws -> Int64 {
    try Int64.fetchOne(database, sql: "SELECT max(sequence) FROM audit_checkpoints") ?? 0
  }

  /// Whose the audit is, up to a record; nil where it has none yet.
  private static func owner(_ database: Database, through sequence: Int64 = .max) throws -> AuditBinding? {
    let bytes = try Data.fetchOne(
      database,
      sql: "SELECT record FROM audit WHERE kind = 1 AND sequence <= ? ORDER BY sequence DESC LIMIT 1",
      arguments: [sequence])
    guard let bytes else { return try bounds(database).binding }
    guard let event = AuditRecord(bytes: [UInt8](bytes))?.event, let host = event.subject,
      let signer = event.address
    else { return nil }
    return AuditBinding(host: host, signer: signer)
  }

  /// The end of the chain, which is this host's from here on.
  private func end(_ database: Database, at time: Int64) throws -> End {
    let bounds = try Self.bounds(database)
    var end = End(
      sequence: bounds.last, hash: bounds.hash, floor: bounds.floor,
      signedThrough: max(bounds.floor, try Self.newestCheckpoint(database)))
    if bounds.last > bounds.floor {
      let hash = try Data.fetchOne(
        database, sql: "SELECT hash FROM audit WHERE sequence = ?", arguments: [bounds.last])
      // Without it, the chain goes on from something else, and it shows that what was there is missing.
      end.hash = hash.map { [UInt8]($0) } ?? AuditChain.beginning
    }
    if try Self.owner(database) != binding {
      var event = AuditEvent(.bound, by: .host, at: time)
      event.subject = binding.host
      event.address = binding.signer
      try end.add(event, database)
    }
    return end
  }

  private func sign(_ end: inout End, at time: Int64, _ database: Database) throws {
    guard let key, end.signedThrough < end.sequence else { return }
    let checkpoint = AuditCheckpoint(
      of: end.sequence, hash: end.hash, time: time, host: binding.host, by: key)
    try checkpoint.insert(database)
    end.signedThrough = end.sequence
  }

  /// An event with what the database knows of it: the agent's address, and of an end what its beginning says.
  private static func completed(_ event: AuditEvent, _ database: Database) throws -> AuditEvent {
    var event = event
    if event.kind == .ended {
      let bytes = try Data.fetchOne(
        database, sql: "SELECT record FROM audit WHERE sequence = ?", arguments: [event.about])
      if let begun = bytes.flatMap({ AuditRecord(bytes: [UInt8]($0)) })?.event, begun.kind == .begun {
        (event.subject, event.address, event.code) = (begun.subject, begun.address, begun.code)
      }
    } else if let agent = event.subject, event.address == nil {
      event.address = try Address.fetchOne(
        database, sql: "SELECT address FROM agents WHERE id = ?", arguments: [agent.uuidString])
    }
    return event
  }

  /// - Throws: ``StoresError/auditFull``.
  private func makeRoom(
    for count: Int64, at time: Int64, _ end: inout End, _ database: Database
  ) throws {
    guard end.sequence - end.floor + count > mostRecords else { return }
    let oldest = time - Int64(Self.leastAge / .milliseconds(1))
    let newestOld = try Int64.fetchOne(
      database, sql: "SELECT max(sequence) FROM audit WHERE time < ? AND sequence <= ?",
      arguments: [oldest, end.floor + mostRecords / 4])
    if let newestOld { _ = try prune(through: newestOld, by: .host, at: time, &end, database) }
    guard end.sequence - end.floor + count <= mostRecords else { throw StoresError.auditFull }
  }

  private func prune(
    through sequence: Int64, by origin: AuditEvent.Origin, at time: Int64, _ end: inout End,
    _ database: Database
  ) throws -> Int64 {
    let chosen = try AuditCheckpoint.fetchOne(
      database,
      sql:
        "SELECT * FROM audit_checkpoints WHERE sequence <= ? AND sequence > ? ORDER BY sequence DESC LIMIT 1",
      arguments: [sequence, end.floor])
    guard let chosen, let owner = try Self.owner(database, through: chosen.sequence),
      let hash = try Self.provenHash(of: chosen, database)
    else { return end.floor }
    var event = AuditEvent(.pruned, by: origin, at: time)
    event.about = chosen.sequence
    try end.add(event, database)
    try database.execute(
      sql: "UPDATE audit_bounds SET floor = ?, hash = ?, host = ?, signer = ?",
      arguments: [chosen.sequence, hash, owner.host.uuidString, owner.signer])
    try database.execute(sql: "DELETE FROM audit WHERE sequence <= ?", arguments: [chosen.sequence])
    try database.execute(
      sql: "DELETE FROM audit_checkpoints WHERE sequence < ?", arguments: [chosen.sequence])
    end.floor = chosen.sequence
    try sign(&end, at: time, database)
    return end.floor
  }
}

extension AuditStore {
  /// The hash of the record that a checkpoint is of; nil where something up to there is not as it was written. That is not
  /// removed: the trace of it would be gone.
  fileprivate static func provenHash(of checkpoint: AuditCheckpoint, _ database: Database) throws -> Data? {
    var bounds = try bounds(database)
    bounds.last = checkpoint.sequence
    var verifier = AuditVerifier(bounds)
    let rows = try Row.fetchCursor(
      database, sql: "SELECT * FROM audit WHERE sequence <= ? ORDER BY sequence",
      arguments: [checkpoint.sequence])
    while let row = try rows.next() { verifier.take(AuditVerifier.Kept(row)) }
    verifier.take(checkpoint)
    guard verifier.report.faults.isEmpty, verifier.report.signedThrough == checkpoint.sequence else {
      return nil
    }
    return try Data.fetchOne(
      database, sql: "SELECT hash FROM audit WHERE sequence = ?", arguments: [checkpoint.sequence])
  }
}

extension AuditCheckpoint: FetchableRecord {
  init(row: Row) throws {
    // What makes no sense here is nobody's, and its signature is not of it.
    let nobody = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
    self.init(
      sequence: row["sequence"], time: row["time"], host: UUID(uuidString: row["host"]) ?? nobody,
      signer: Address.fromDatabaseValue(row["signer"]) ?? Address(bytes: [UInt8](repeating: 0, count: 20))!,
      signature: [UInt8](row["signature"] as Data))
  }

  func insert(_ database: Database) throws {
    try database.execute(
      sql: "INSERT INTO audit_checkpoints (sequence, time, host, signer, signature) VALUES (?, ?, ?, ?, ?)",
      arguments: [sequence, time, host.uuidString, signer, Data(signature)])
  }
}

extension AuditVerifier.Kept {
  init(_ row: Row) {
    self.init(
      sequence: row["sequence"], time: row["time"], kind: row["kind"], subject: row["subject"],
      bytes: [UInt8](row["record"] as Data), hash: [UInt8](row["hash"] as Data))
  }
}
