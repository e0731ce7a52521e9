import Configuration
import Foundation
import Inference
import Keyring

/// `host.json`: which host this is, and the settings that were written down. It holds no secret.
///
/// Keys that this version does not know are ignored, kept when the file is rewritten, and named so that a person can
/// be told of a misspelt one.
struct HostSettingsFile: Codable, Hashable, Sendable {
  var hostID: UUID
  var keystore: KeyStoreKind
  /// The other store of a move that has not ended; see `KeyStoreChoice`.
  var keystoreCopyingTo: KeyStoreKind?
  var keystoreLeaving: KeyStoreKind?
  /// False from the moment that a host is begun until all of it is there.
  var isComplete = true
  /// When the owner showed that the 24 words are written down.
  var acknowledgedAt: Date?
  /// Whether the identity of a host that is being made came from words, and so may have had other hosts.
  var isFromWords: Bool?
  /// The identity that the host is changing to, while that is not done.
  var identityChange: IdentityChange.Note?

  var port: Int?
  var bind: String?
  var expose: Bool?
  var allowedOrigins: [String]?
  var allowedHosts: [String]?
  var allowPlaintextClients: Bool?
  var allowUnsealedKeys: Bool?
  var askOnDesktop: Bool?
  var modelURL: String?
  var model: String?
  var modelKeyFile: String?
  var detectLocalServers: Bool?
  var handshakesPerMinute: Int?
  var redemptionsPerMinute: Int?
  var pairingsPerMinute: Int?
  var maxConnections: Int?
  var maxConnectionsPerNetwork: Int?
  var maxAnswers: Int?
  var modelIdleSeconds: Int?
  var logLevel: String?

  /// What else the file says, which means nothing here.
  private var unknown: [String: JSONValue] = [:]

  /// Keys of the file that mean nothing here; a misspelt one among them, perhaps.
  var unknownKeys: [String] { unknown.keys.sorted() }

  enum CodingKeys: String, CodingKey, CaseIterable {
    case hostID, keystore, keystoreCopyingTo, keystoreLeaving, isComplete, acknowledgedAt, isFromWords
    case identityChange, port, bind, expose,
      allowedOrigins, allowedHosts
    case allowPlaintextClients, allowUnsealedKeys, modelURL, model, modelKeyFile, detectLocalServers
    case handshakesPerMinute, redemptionsPerMinute, pairingsPerMinute, maxConnections,
      maxConnectionsPerNetwork, maxAnswers,
      modelIdleSeconds, logLevel, askOnDesktop
  }

  init(hostID: UUID, keystore: KeyStoreKind) {
    self.hostID = hostID
    self.keystore = keystore
  }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    hostID = try container.decode(UUID.self, forKey: .hostID)
    keystore = try container.decode(KeyStoreKind.self, forKey: .keystore)
    keystoreCopyingTo = try container.decodeIfPresent(KeyStoreKind.self, forKey: .keystoreCopyingTo)
    keystoreLeaving = try container.decodeIfPresent(KeyStoreKind.self, forKey: .keystoreLeaving)
    isComplete = try container.decodeIfPresent(Bool.self, forKey: .isComplete) ?? true
    acknowledgedAt = try container.decodeIfPresent(Date.self, forKey: .acknowledgedAt)
    isFromWords = try container.decodeIfPresent(Bool.self, forKey: .isFromWords)
    identityChange = try container.decodeIfPresent(IdentityChange.Note.self, forKey: .identityChange)
    port = try container.decodeIfPresent(Int.self, forKey: .port)
    bind = try container.decodeIfPresent(String.self, forKey: .bind)
    expose = try container.decodeIfPresent(Bool.self, forKey: .expose)
    allowedOrigins = try container.decodeIfPresent([String].self, forKey: .allowedOrigins)
    allowedHosts = try container.decodeIfPresent([String].self, forKey: .allowedHosts)
    allowPlaintextClients = try container.decodeIfPresent(Bool.self, forKey: .allowPlaintextClients)
    allowUnsealedKeys = try container.decodeIfPresent(Bool.self, forKey: .allowUnsealedKeys)
    askOnDesktop = try container.decodeIfPresent(Bool.self, forKey: .askOnDesktop)
    modelURL = try container.decodeIfPresent(String.self, forKey: .modelURL)
    model = try container.decodeIfPresent(String.self, forKey: .model)
    modelKeyFile = try container.decodeIfPresent(String.self, forKey: .modelKeyFile)
    detectLocalServers = try container.decodeIfPresent(Bool.self, forKey: .detectLocalServers)
    handshakesPerMinute = try container.decodeIfPresent(Int.self, forKey: .handshakesPerMinute)
    redemptionsPerMinute = try container.decodeIfPresent(Int.self, forKey: .redemptionsPerMinute)
    pairingsPerMinute = try container.decodeIfPresent(Int.self, forKey: .pairingsPerMinute)
    maxConnections = try container.decodeIfPresent(Int.self, forKey: .maxConnections)
    maxConnectionsPerNetwork = try container.decodeIfPresent(Int.self, forKey: .maxConnectionsPerNetwork)
    maxAnswers = try container.decodeIfPresent(Int.self, forKey: .maxAnswers)
    modelIdleSeconds = try container.decodeIfPresent(Int.self, forKey: .modelIdleSeconds)
    logLevel = try container.decodeIfPresent(String.self, forKey: .logLevel)
  }

  /// The settings as the configuration reader takes them; the identity is not among them.
  var values: [AbsoluteConfigKey: ConfigValue] {
    let texts: [CodingKeys: String?] = [
      .port: port.map(String.init), .bind: bind, .expose: expose.map(String.init),
      .allowedOrigins: allowedOrigins?.joined(separator: ","),
      .allowedHosts: allowedHosts?.joined(separator: ","),
      .allowPlaintextClients: allowPlaintextClients.map(String.init),
      .allowUnsealedKeys: allowUnsealedKeys.map(String.init), .askOnDesktop: askOnDesktop.map(String.init),
      .modelURL: modelURL, .model: model,
      .modelKeyFile: modelKeyFile, .detectLocalServers: detectLocalServers.map(String.init),
      .handshakesPerMinute: handshakesPerMinute.map(String.init),
      .redemptionsPerMinute: redemptionsPerMinute.map(String.init),
      .pairingsPerMinute: pairingsPerMinute.map(String.init),
      .maxConnections: maxConnections.map(String.init),
      .maxConnectionsPerNetwork: maxConnectionsPerNetwork.map(String.init),
      .maxAnswers: maxAnswers.map(String.init),
      .modelIdleSeconds: modelIdleSeconds.map(String.init), .logLevel: logLevel,
    ]
    var values: [AbsoluteConfigKey: ConfigValue] = [:]
    for case (let key, let text?) in texts {
      values[AbsoluteConfigKey([key.rawValue])] = ConfigValue(.string(text), isSecret: false)
    }
    return values
  }

  /// Parses the file.
  init(json: [UInt8]) throws {
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .iso8601
    self = try decoder.decode(HostSettingsFile.self, from: Data(json))
    let known = Set(CodingKeys.allCases.map(\.rawValue))
    unknown = try decoder.decode([String: JSONValue].self, from: Data(json)).filter {
      !known.contains($0.key)
    }
  }

  func json() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .iso8601
    let members = try JSONDecoder().decode([String: JSONValue].self, from: encoder.encode(self))
    let all = members.merging(unknown) { known, _ in known }
    return [UInt8](try encoder.encode(all)) + [UInt8(ascii: "\n")]
  }

  /// Why a file could not be parsed, in words for a person.
  static func reason(_ error: any Error) -> String {
    func name(_ path: [any CodingKey]) -> String { path.map(\.stringValue).joined(separator: ".") }
    return switch error as? DecodingError {
    case .keyNotFound(let key, _): "'\(key.stringValue)' is missing"
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      "'\(name(context.codingPath))' has a value of the wrong kind"
    case .dataCorrupted(let context):
      context.codingPath.isEmpty
        ? "it is not JSON" : "'\(name(context.codingPath))' has a value that is not known"
    default: "it is not JSON"
    }
  }
}

extension HostSettingsFile {
  /// The most bytes that such a file has.
  private static let limit = 1 << 20

  /// Reads `host.json`; nil where there is none.
  static func read(_ folders: HostFolders) throws -> HostSettingsFile? {
    guard let json = try PrivateFile.read(folders.settingsFile, limit: limit) else { return nil }
    do {
      return try HostSettingsFile(json: json)
    } catch {
      throw HostError.malformedSettings(path: folders.settingsFile.path, reason: reason(error))
    }
  }

  /// Replaces `host.json`, at once and whole.
  func write(_ folders: HostFolders) throws {
    try PrivateFile.replace(folders.settingsFile, with: json())
  }
}
