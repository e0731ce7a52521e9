import Foundation

// How an invite is written: as JSON, and as the link that carries it. (spec/01, A11)

extension Invite {
  /// The largest link and the largest JSON that are looked at, in bytes.
  static let longestLink = 16 * 1024
  static let longestJSON = 12 * 1024

  // MARK: As JSON

  /// The invite as it travels.
  /// - Parameter more: members that go with it.
  package func encoded(with more: [String: SortedJSON.Value] = [:]) -> [UInt8] {
    let own: [String: SortedJSON.Value] = [
      InviteField.address.rawValue: .text(writtenAddress),
      InviteField.expiry.rawValue: .integer(expiresAt),
      InviteField.nonce.rawValue: .text(nonce.text),
      InviteField.signature.rawValue: .text(signature.hex),
    ]
    return SortedJSON.encode(own.merging(details.members) { own, _ in own }.merging(more) { own, _ in own })
  }

  /// Reads an invite; members that belong to none are passed over.
  /// - Throws: ``InviteRefusal``, for the first thing that is wrong. Whether it is signed is not looked at.
  public init(parsing json: UnsafeRawBufferPointer) throws(InviteRefusal) {
    guard json.count <= Self.longestJSON else { throw .tooLong }
    let members = try Members(json)
    guard members.version == Self.version else { throw .unsupportedVersion }
    guard let agent = Address(ignoringChecksum: members.address) else { throw .malformed(.address) }
    guard let nonce = InviteNonce(members.nonce) else { throw .malformed(.nonce) }
    guard members.expiresAt > 0 else { throw .malformed(.expiry) }
    guard let signature = RecoverableSignature(hex: members.signature) else { throw .malformed(.signature) }
    self.init(
      agent: agent, writtenAddress: members.address,
      details: try InviteDetails(name: members.name, description: members.description, url: members.url),
      nonce: nonce, expiresAt: members.expiresAt, signature: signature)
  }

  /// The members as they stand there, each of its type.
  private struct Members {
    let version: Int64
    let address: String
    let name: String
    let description: String?
    let url: String
    let nonce: String
    let expiresAt: Int64
    let signature: String

    init(_ json: UnsafeRawBufferPointer) throws(InviteRefusal) {
      var texts: [InviteField: String] = [:]
      var numbers: [InviteField: Int64] = [:]
      var wrong: InviteField?
      let isObject = FlatJSON.scan(json) { key, value in
        guard let field = InviteField(rawValue: String(decoding: key, as: UTF8.self)) else { return true }
        switch field {
        case .version, .expiry:
          if numbers[field] == nil { numbers[field] = FlatJSON.integer(value) }
          if numbers[field] == nil { wrong = wrong ?? field }
        case .description where FlatJSON.isNull(value): break
        case .address, .name, .description, .url, .nonce, .signature:
          if texts[field] == nil { texts[field] = FlatJSON.text(value) }
          if texts[field] == nil { wrong = wrong ?? field }
        }
        return true
      }
      guard isObject else { throw .notAnObject }
      if let wrong { throw .missing(wrong) }
      func text(_ field: InviteField) throws(InviteRefusal) -> String {
        guard let text = texts[field] else { throw .missing(field) }
        return text
      }
      func number(_ field: InviteField) throws(InviteRefusal) -> Int64 {
        guard let number = numbers[field] else { throw .missing(field) }
        return number
      }
      version = try number(.version)
      address = try text(.address)
      name = try text(.name)
      description = texts[.description]
      url = try text(.url)
      nonce = try text(.nonce)
      expiresAt = try number(.expiry)
      signature = try text(.signature)
    }
  }

  // MARK: As a link

  /// `osaurus://<the agent's address in lowercase>?pair=<base64url of the JSON>`.
  public var link: String { "osaurus://\(agent.lowercased)?pair=\(Base64URL.string(encoded()))" }

  /// Reads a link. Blanks and line ends around it are dropped.
  /// - Throws: ``InviteRefusal``, for the first thing that is wrong. Whether it is signed is not looked at.
  public init(link: String) throws(InviteRefusal) {
    guard link.utf8.count <= Self.longestLink else { throw .tooLong }
    let link = link.trimmingCharacters(in: .whitespacesAndNewlines)
    guard link.prefix(10).lowercased() == "osaurus://", let parts = URLComponents(string: link),
      let items = parts.queryItems, let payload = items.first(where: { $0.name == "pair" })?.value,
      !payload.isEmpty
    else { throw .notALink }
    guard let json = Base64URL.decode(payload) else { throw .payloadEncoding }
    let read = json.withUnsafeBytes { json in Result { () throws(InviteRefusal) in try Invite(parsing: json) }
    }
    self = try read.get()
    guard let host = parts.host, Address(ignoringChecksum: host.lowercased()) == agent else {
      throw .otherAgent
    }
  }
}
