import Foundation
import HTTPTypes
import Hummingbird
import Identity
import Stores

/// The owner's orders about request tokens, and the device that signs them.
struct ControlTokenRoutes: RouteGroup {
  let master: MasterKey
  let agents: AgentStore
  let tokens: RequestTokenStore
  let device: HostDevice

  func register(on routes: inout Routes) {
    routes.on(.get, "/control/device", .administration, use: showDevice)
    routes.on(.post, "/control/tokens", .administration, use: mint)
    routes.on(.post, "/control/tokens/verify", .administration, use: verify)
  }

  private struct Device: Encodable {
    let id: String
    let publicKey: String

    init(_ key: DeviceKey) { (id, publicKey) = (key.id.text, key.publicKey.text) }
  }

  private struct MintOrder: Decodable {
    let audience: String
    let action: String
    /// A name, an address or a UUID; without it the host itself makes the request.
    let agent: String?
    /// Leaves the device's signature out.
    let software: Bool?
  }

  private struct Minted: Encodable {
    let token: String
    let issuer: Address
    let device: String
    let expiresAt: Date
  }

  private struct VerifyOrder: Decodable {
    let token: String
    let audience: String
    let action: String
    /// Without them, this host and its agents.
    let issuers: [String]?
    /// Public keys by the ids of their devices, besides this one.
    let devices: [String: String]?
    let acceptSoftware: Bool?
  }

  private struct Verified: Encodable {
    let issuer: Address
    let device: String
    let deviceProven: Bool
    let counter: UInt64
    let expiresAt: Date
  }

  private func showDevice(_ request: Request, _ context: HostContext) async throws -> Response {
    try .json(Device(await device.key()))
  }

  private func mint(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      guard let order = try await request.decoded(MintOrder.self) else { throw ControlFailure.malformed }
      let target = try RequestTarget(audience: order.audience, action: order.action)
      let key = try await device.key()
      var signer = master.signingKey
      var agent: (master: Address, index: AgentIndex)?
      if let reference = order.agent, !reference.isEmpty {
        guard let index = try await agents.find(reference: reference).keyIndex else {
          throw ControlFailure.invalid("This agent has no key of its own.")
        }
        signer = try master.agentKey(index)
        agent = (master.address, index)
      }
      let now = Date()
      let token = try await tokens.mint(
        by: signer, agent: agent, on: key, isSoftware: order.software ?? false, for: target, now: now)
      let end = Date(
        timeIntervalSince1970: now.timeIntervalSince1970.rounded(.down) + Double(RequestToken.lifetime))
      return try .json(
        Minted(token: token, issuer: signer.address, device: key.id.text, expiresAt: end), status: .created)
    }
  }

  private func verify(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      guard let order = try await request.decoded(VerifyOrder.self) else { throw ControlFailure.malformed }
      let verifier = try RequestTokenVerifier(
        issuers: await issuers(named: order.issuers),
        target: RequestTarget(audience: order.audience, action: order.action),
        devices: devices(order.devices ?? [:]), acceptsSoftware: order.acceptSoftware ?? false)
      switch try await tokens.admit(order.token, by: verifier) {
      case .refused(let refusal):
        throw ControlFailure(status: .forbidden, code: refusal.rawValue, message: refusal.description)
      case .valid(let token):
        return try .json(
          Verified(
            issuer: token.issuer, device: token.device.text, deviceProven: token.isDeviceProven,
            counter: token.counter, expiresAt: Date(timeIntervalSince1970: Double(token.expiresAt))))
      }
    }
  }

  private func issuers(named names: [String]?) async throws -> Set<Address> {
    guard let names, !names.isEmpty else {
      return Set(try await agents.list().compactMap(\.address)).union([master.address])
    }
    return Set(try names.map { try Address($0) })
  }

  private func devices(_ named: [String: String]) throws -> [DeviceID: DevicePublicKey] {
    var devices: [DeviceID: DevicePublicKey] = [:]
    if let own = try device.present() { devices[own.id] = own.publicKey }
    for (id, key) in named {
      guard let id = DeviceID(id), let key = DevicePublicKey(key) else {
        throw ControlFailure.invalid(
          "A device is its id and its public key, as 'identity device' shows them: ID:KEY")
      }
      devices[id] = key
    }
    return devices
  }
}
