public import GRDB
public import Identity

/// What of a database the health of an identity depends on, as it was at one moment. It is read from databases of every
/// version.
public struct IdentityFacts: Sendable {
  /// The agents that have an address.
  public let agents: [IdentityHealth.Agent]
  /// The keys that are not revoked.
  public let keys: [IdentityHealth.Key]
  /// Foreign issuers whose keys are taken for something.
  public let trusted: Set<Address>
  /// Whose agents these are; nil where nobody has said so yet.
  public let master: Address?

  public init(_ database: Database) throws {
    let agents = try Row.fetchAll(
      database,
      sql: """
        SELECT id, name, key_index, address FROM agents WHERE key_index IS NOT NULL AND address IS NOT NULL
          ORDER BY created_at, id
        """)
    self.agents = agents.map {
      IdentityHealth.Agent(id: $0["id"], name: $0["name"], index: $0["key_index"], address: $0["address"])
    }
    let keys = try Row.fetchAll(
      database,
      sql: """
        SELECT id, label, fingerprint, issuer, audience FROM access_keys WHERE revoked_at IS NULL
          ORDER BY created_at DESC, counter DESC
        """)
    self.keys = keys.map {
      IdentityHealth.Key(
        id: $0["id"], label: $0["label"], fingerprint: $0["fingerprint"], issuer: $0["issuer"],
        audience: $0["audience"])
    }
    trusted = try Address.fetchSet(database, sql: "SELECT issuer FROM whitelist")
    master =
      try database.tableExists("identity")
      ? Address.fetchOne(database, sql: "SELECT master FROM identity") : nil
  }

  /// How they stand to an identity; without one nothing can be said.
  public func health(under master: MasterKey?) -> IdentityHealth {
    IdentityHealth(agents: agents, keys: keys, trusted: trusted, master: master)
  }
}
