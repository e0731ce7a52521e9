/// What a presented request token is worth.
public enum RequestTokenVerdict: Hashable, Sendable {
  case valid(VerifiedRequestToken)
  case refused(RequestTokenRefusal)
}

/// Decides what a presented request token is worth: for one request, at one moment.
public struct RequestTokenVerifier: Sendable {
  /// How far ahead another machine's clock may be, in seconds.
  public static let leeway: Int64 = 30

  /// Whose tokens are taken.
  public var issuers: Set<Address>
  /// The request that is made.
  public var target: RequestTarget
  /// The keys of the devices that are known.
  public var devices: [DeviceID: DevicePublicKey]
  /// Whether a token will do that no device has signed.
  public var acceptsSoftware: Bool

  public init(
    issuers: Set<Address>, target: RequestTarget, devices: [DeviceID: DevicePublicKey] = [:],
    acceptsSoftware: Bool = false
  ) {
    self.issuers = issuers
    self.target = target
    self.devices = devices
    self.acceptsSoftware = acceptsSoftware
  }

  /// Checks a presented text; the first thing that is wrong is the answer.
  ///
  /// - Parameters:
  ///   - now: the time, in Unix seconds.
  ///   - lastCounter: the highest counter of this issuer's device that was taken before; nil where none was. Whoever
  ///     takes the token has to remember its counter in the same breath.
  public func verify<E: Error>(
    _ token: String, now: Int64, lastCounter: (Address, DeviceID) throws(E) -> UInt64?
  ) throws(E) -> RequestTokenVerdict {
    let token = Array(token.utf8)
    guard token.count <= RequestToken.maximumLength else { return .refused(.format) }
    let segments = token.split(separator: UInt8(ascii: "."), maxSplits: 4, omittingEmptySubsequences: false)
    guard segments.count == 4, segments.dropLast().allSatisfy({ !$0.isEmpty }) else {
      return .refused(.format)
    }
    if let refusal = Self.refusal(ofHeader: segments[0]) { return .refused(refusal) }
    let bytes: [UInt8]
    let payload: RequestTokenPayload
    switch Self.signed(segments[1], by: segments[2]) {
    case .success(let signed): (bytes, payload) = signed
    case .failure(let refusal): return .refused(refusal)
    }
    if let refusal = refusal(of: payload, now: now) { return .refused(refusal) }
    if let refusal = refusal(ofDevice: payload.device, signature: segments[3], over: bytes) {
      return .refused(refusal)
    }
    if let last = try lastCounter(payload.issuer, payload.device), payload.counter <= last {
      return .refused(.replayed)
    }
    return .valid(VerifiedRequestToken(payload, isDeviceProven: !segments[3].isEmpty))
  }

  private static func decoded(_ segment: ArraySlice<UInt8>) -> [UInt8]? {
    segment.withUnsafeBytes { Base64URL.decode($0) }
  }

  private static func refusal(ofHeader segment: ArraySlice<UInt8>) -> RequestTokenRefusal? {
    guard let bytes = decoded(segment) else { return .headerEncoding }
    var algorithm: String?
    var type: String?
    var version: Int?
    let isRead = bytes.withUnsafeBytes { text in
      FlatJSON.scan(text) { key, value in
        if FlatJSON.isKey(key, "alg") { return FlatJSON.fill(&algorithm, FlatJSON.text(value)) }
        if FlatJSON.isKey(key, "typ") { return FlatJSON.fill(&type, FlatJSON.text(value)) }
        if FlatJSON.isKey(key, "ver") { return FlatJSON.fill(&version, FlatJSON.integer(value)) }
        return true
      }
    }
    guard isRead, let algorithm, let type, let version else { return .malformedHeader }
    guard algorithm == RequestToken.algorithm else { return .algorithm }
    guard type == RequestToken.type else { return .type }
    return version == RequestToken.version ? nil : .version
  }

  /// The payload, as it came and read, when the issuer that it names has signed it.
  private static func signed(
    _ segment: ArraySlice<UInt8>, by signature: ArraySlice<UInt8>
  ) -> Result<([UInt8], RequestTokenPayload), RequestTokenRefusal> {
    guard let bytes = decoded(segment) else { return .failure(.payloadEncoding) }
    guard let payload = bytes.withUnsafeBytes({ RequestTokenPayload($0) }) else {
      return .failure(.malformedPayload)
    }
    guard let signature = signature.withUnsafeBytes({ Hex.decode($0) }),
      signature.count == RecoverableSignature.byteCount
    else { return .failure(.signatureEncoding) }
    guard let signature = RecoverableSignature(bytes: signature),
      let signer = signature.recoverAddress(of: bytes, in: .message)
    else { return .failure(.signatureRecovery) }
    return signer == payload.issuer ? .success((bytes, payload)) : .failure(.issuerMismatch)
  }

  private func refusal(of payload: RequestTokenPayload, now: Int64) -> RequestTokenRefusal? {
    guard issuers.contains(payload.issuer) else { return .unknownIssuer }
    guard payload.audience.lowercased() == target.audience else { return .audienceMismatch }
    guard payload.action == target.action else { return .actionMismatch }
    let (end, isTooLate) = payload.issuedAt.addingReportingOverflow(RequestToken.lifetime)
    guard !isTooLate, payload.expiresAt == end else { return .lifetime }
    // What was issued too far ahead is caught without adding to what it says.
    guard payload.issuedAt <= now + Self.leeway else { return .notYetValid }
    return now < end ? nil : .expired
  }

  private func refusal(
    ofDevice device: DeviceID, signature: ArraySlice<UInt8>, over payload: [UInt8]
  ) -> RequestTokenRefusal? {
    if signature.isEmpty { return acceptsSoftware ? nil : .unsignedByDevice }
    guard let bytes = Self.decoded(signature), bytes.count == 64 else { return .deviceSignatureEncoding }
    guard let key = devices[device] else { return .unknownDevice }
    return key.isValid(bytes, over: payload) ? nil : .deviceSignature
  }
}
