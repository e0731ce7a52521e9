/// A token that proves one request: who makes it, from which device, and which one of that device's it is.
///
/// `base64url(header).base64url(payload).hex(signature).base64url(device's signature)`. The identity signs the payload
/// in the domain `message`, the device signs SHA-256 of the payload. A token without the device's signature ends in
/// its last dot. (spec/01, A7)
public enum RequestToken {
  /// How many seconds a token is good for.
  public static let lifetime: Int64 = 60

  static let algorithm = "es256k+apple-attest"
  static let type = "osaurus-id"
  static let version = 5
  /// The longest text that is looked at.
  static let maximumLength = 16 * 1024

  /// Makes a token.
  ///
  /// - Parameters:
  ///   - signer: the issuer: the master or an agent.
  ///   - agent: for an agent, the master above it and its index there, which the token then names.
  ///   - device: the device that makes the request.
  ///   - isSoftware: whether the device's signature is left out, for verifiers that take such tokens.
  ///   - counter: a number above all that this device has used.
  ///   - issuedAt: now, in Unix seconds.
  public static func mint(
    by signer: SigningKey, agent: (master: Address, index: AgentIndex)? = nil, on device: DeviceKey,
    isSoftware: Bool = false, for target: RequestTarget, counter: UInt64, issuedAt: Int64
  ) -> String {
    var payload = text("{\"iss\":", signer.address.checksummed)
    payload += text(",\"dev\":", device.id.text)
    payload += ",\"cnt\":\(counter),\"iat\":\(issuedAt),\"exp\":\(issuedAt + lifetime)".utf8
    payload += text(",\"aud\":", target.audience) + text(",\"act\":", target.action)
    if let agent {
      payload += text(",\"par\":", agent.master.checksummed)
      payload += ",\"idx\":\(agent.index.rawValue)".utf8
    }
    payload.append(UInt8(ascii: "}"))
    let header = Array("{\"alg\":\"\(algorithm)\",\"typ\":\"\(type)\",\"ver\":\(version)}".utf8)
    let last = isSoftware ? "" : Base64URL.string(device.signature(over: payload))
    return [
      Base64URL.string(header), Base64URL.string(payload), signer.sign(payload, in: .message).hex, last,
    ].joined(separator: ".")
  }

  private static func text(_ label: String, _ value: String) -> [UInt8] {
    var bytes = Array(label.utf8)
    JSONString.append(value, escapingSlashes: true, to: &bytes)
    return bytes
  }
}

/// A request token that was verified. Only ``RequestTokenVerifier`` makes one.
public struct VerifiedRequestToken: Hashable, Sendable {
  public let issuer: Address
  public let device: DeviceID
  /// Whether the device's own signature was there and right. Without it the device is no more than a name.
  public let isDeviceProven: Bool
  public let counter: UInt64
  /// The Unix second from which it is refused.
  public let expiresAt: Int64

  init(_ payload: RequestTokenPayload, isDeviceProven: Bool) {
    issuer = payload.issuer
    device = payload.device
    counter = payload.counter
    expiresAt = payload.expiresAt
    self.isDeviceProven = isDeviceProven
  }
}

/// The signed part of a request token, as it was presented: nothing about it is believed yet.
struct RequestTokenPayload {
  let issuer: Address
  let device: DeviceID
  let counter: UInt64
  let issuedAt: Int64
  let expiresAt: Int64
  let audience: String
  let action: String

  /// Reads a payload in any spelling of its JSON; nil for anything that is not one. Who stands above an agent (`par`,
  /// `idx`) is what the agent says of itself and is passed over.
  init?(_ text: UnsafeRawBufferPointer) {
    var issuer: Address?
    var device: DeviceID?
    var (audience, action): (String?, String?)
    var counter: UInt64?
    var (issuedAt, expiresAt): (Int64?, Int64?)
    let isRead = FlatJSON.scan(text) { key, value in
      if FlatJSON.isKey(key, "iss") {
        return FlatJSON.fill(&issuer, FlatJSON.text(value).flatMap { Address(ignoringChecksum: $0) })
      }
      if FlatJSON.isKey(key, "dev") {
        return FlatJSON.fill(&device, FlatJSON.text(value).flatMap { DeviceID($0) })
      }
      if FlatJSON.isKey(key, "cnt") { return FlatJSON.fill(&counter, FlatJSON.integer(value)) }
      if FlatJSON.isKey(key, "iat") { return FlatJSON.fill(&issuedAt, FlatJSON.integer(value)) }
      if FlatJSON.isKey(key, "exp") { return FlatJSON.fill(&expiresAt, FlatJSON.integer(value)) }
      if FlatJSON.isKey(key, "aud") { return FlatJSON.fill(&audience, FlatJSON.text(value)) }
      if FlatJSON.isKey(key, "act") { return FlatJSON.fill(&action, FlatJSON.text(value)) }
      return true
    }
    guard isRead, let issuer, let device, let counter, let issuedAt, let expiresAt, let audience, let action
    else { return nil }
    self.issuer = issuer
    self.device = device
    self.counter = counter
    self.issuedAt = issuedAt
    self.expiresAt = expiresAt
    self.audience = audience
    self.action = action
  }
}
