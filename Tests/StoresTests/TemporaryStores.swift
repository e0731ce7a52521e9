import Foundation
import GRDB
import Keyring
import SecretMemory
import Storage

@testable import Identity
@testable import Stores

/// A host's databases in a folder that goes with the test.
final class TemporaryStores: Sendable {
  let folders: HostFolders
  let master: MasterKey
  let host: DatabasePool
  let chat: DatabasePool
  let memory: DatabasePool
  let methodology: DatabasePool
  let toolIndex: DatabasePool
  let blobs: BlobStore

  private let isKept: Bool

  convenience init() throws {
    try self.init(home: Self.home(), key: DataKey.generate(), master: MasterKey.generate())
  }

  /// The same in a given folder under keys of known bytes, so that another process can have the same ones.
  /// - Parameter isKept: whether the folder stays.
  convenience init(home: URL, keyByte: UInt8, isKept: Bool = false) throws {
    try self.init(
      home: home, key: DataKey(Self.bytes(keyByte)), master: MasterKey(entropy: Self.bytes(keyByte)),
      isKept: isKept)
  }

  /// A key of one byte, 32 times.
  static func bytes(_ byte: UInt8) -> SecretBytes {
    SecretBytes(count: 32) { $0.copyBytes(from: [UInt8](repeating: byte, count: 32)) }
  }

  /// A folder that is not there yet.
  static func home() -> URL {
    FileManager.default.temporaryDirectory.appending(path: "osaurus-test-\(UUID().uuidString)")
  }

  private init(home: URL, key: DataKey, master: MasterKey, isKept: Bool = false) throws {
    self.isKept = isKept
    self.master = master
    folders = HostFolders(home: home)
    try folders.create()
    blobs = BlobStore(folders: folders, key: key)
    host = try EncryptedDatabase.open(.host, in: folders, key: key, migrator: HostSchema.migrator)
    chat = try EncryptedDatabase.open(.chatHistory, in: folders, key: key, migrator: ChatSchema.migrator)
    memory = try EncryptedDatabase.open(.memory, in: folders, key: key, migrator: MemorySchema.migrator)
    methodology = try EncryptedDatabase.open(.methods, in: folders, key: key, migrator: MethodSchema.migrator)
    toolIndex = try EncryptedDatabase.open(
      .toolIndex, in: folders, key: key, migrator: ToolIndexSchema.migrator)
  }

  deinit {
    for pool in [host, chat, memory, methodology, toolIndex] { try? pool.close() }
    if !isKept { try? FileManager.default.removeItem(at: folders.data.deletingLastPathComponent()) }
  }

  var agents: AgentStore { AgentStore(StoreDatabase(host)) }
  var keys: AccessKeyStore { AccessKeyStore(StoreDatabase(host)) }
  var trusted: TrustedIssuerStore { TrustedIssuerStore(StoreDatabase(host)) }
  var chats: ChatStore { ChatStore(StoreDatabase(chat), blobs: blobs) }
  var memories: MemoryStore { MemoryStore(StoreDatabase(memory)) }
  var tools: ToolStore { ToolStore(StoreDatabase(toolIndex)) }
  var methods: MethodStore { MethodStore(StoreDatabase(methodology)) }

  /// Gives the address of an index below this host's master.
  var derive: @Sendable (AgentIndex) throws -> Address {
    { [master] in try master.agentKey($0).address }
  }

  /// The key of an agent, as its record says.
  func signer(of agent: AgentRecord) throws -> SigningKey {
    guard let index = agent.keyIndex else { throw StoresError.noAddress(agent.name) }
    return try master.agentKey(index)
  }

  /// Another connection to the host's database, as the next start or another process has it.
  func reopened() throws -> DatabasePool {
    try DatabasePool(path: host.path, configuration: host.configuration)
  }

  func makeAgent(_ name: String) async throws -> AgentRecord {
    try await agents.create(name: name, derive: derive)
  }

  /// What a validator that is made now says of a key.
  func verdict(_ key: MintedAccessKey, now: Date = Date()) async throws -> AccessKeyVerdict {
    let validator = AccessKeyValidator(rules: try await keys.validatorRules(master: master.address))
    return key.withText { validator.validate($0, now: Int64(now.timeIntervalSince1970)) }
  }

  /// The same of a validator that knows these addresses as agents, too: as if they had come back.
  func verdict(_ key: MintedAccessKey, ifBack addresses: Address?...) async throws -> AccessKeyVerdict {
    var rules = try await keys.validatorRules(master: master.address)
    rules.agents.formUnion(addresses.compactMap(\.self))
    let validator = AccessKeyValidator(rules: rules)
    return key.withText { validator.validate($0, now: Int64(Date().timeIntervalSince1970)) }
  }

  func isValid(_ key: MintedAccessKey) async throws -> Bool {
    if case .valid = try await verdict(key) { true } else { false }
  }
}

extension AccessKeyMint {
  /// A key that this host did not make: by anybody, for anybody, with any counter.
  static func foreign(
    by signer: SigningKey, for audience: Address? = nil, counter: UInt64 = 1
  ) -> MintedAccessKey {
    mint(
      AccessKeyClaims(
        audience: audience ?? signer.address, counter: counter, expiresAt: nil, issuedAt: 1_700_000_000,
        issuer: signer.address, label: nil, nonce: UUID().uuidString.lowercased().replacing("-", with: "")),
      by: signer)
  }
}
