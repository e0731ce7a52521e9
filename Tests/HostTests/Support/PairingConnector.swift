import Foundation
import HTTPTypes
import Hummingbird
import Identity
import SecretMemory
import Testing

@testable import Host
@testable import Pairing

/// A connector that pairs over the wire as Osaurus does, or as nobody should.
struct PairingConnector: Sendable {
  let key: SigningKey
  let receiver = ReceivingKey()

  init() throws { key = try MasterKey.generate().pairingKey() }

  /// A request, with members of it replaced; nil takes one out. It is signed as it is sent.
  func request(
    for agent: String, nonce: String, encPub: String?? = nil, binds: Bool = false,
    _ changes: [String: Any?] = [:]
  ) throws -> String {
    let encPub = encPub ?? receiver.encPub
    let payload = encPub.map { "\(nonce):\($0)" } ?? nonce
    var members: [String: Any] = [
      "connectorAddress": key.address.checksummed, "agentId": agent, "nonce": nonce,
      "signature": key.sign(Array(payload.utf8), in: .pairing).prefixedHex,
    ]
    members["encPub"] = encPub
    if binds { members["bindAnswer"] = true }
    for (name, value) in changes { members[name] = value }
    return String(decoding: try JSONSerialization.data(withJSONObject: members), as: UTF8.self)
  }

  /// The key of a good answer.
  func open(_ answer: [UInt8], to request: String, from agent: Address) throws -> String {
    let verified = try Array(request.utf8).withUnsafeBytes { try PairingRequest(parsing: $0) }.verified()
    let key = try PairingAnswer(parsing: answer).key(
      for: verified, from: agent, with: receiver, now: Int64(Date().timeIntervalSince1970))
    return key.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
  }

  func words(of request: String) throws -> String {
    try Array(request.utf8).withUnsafeBytes { try PairingRequest(parsing: $0) }.verified().words.description
  }
}

extension WireClient {
  /// A nonce of the host.
  func nonce() async throws -> String {
    let answer = try await ask("GET", "/pair/challenge")
    return try #require(answer.json["nonce"] as? String, "\(answer.text)")
  }
}

extension WholeHost {
  /// Waits until somebody asks to be let in, and gives who.
  func visitor(at desk: PairingDesk? = nil) async -> WaitingVisitor {
    let desk = desk ?? services.pairing
    while true {
      let (revision, waiting) = desk.list()
      if let first = waiting.first { return first }
      await desk.change(after: revision)
    }
  }
}
