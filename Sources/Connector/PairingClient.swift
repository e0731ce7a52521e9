public import AsyncHTTPClient
import Foundation
public import Identity
public import Pairing
import SecretMemory

/// Asks a host to let this machine in to one of its agents, and believes nobody but the agent.
///
/// The key has to come sealed for this request, in an answer that the agent signed, and has to be that agent's own. Who
/// stands in between can keep it from coming; who asks in this machine's place shows the owner other words. Nothing is
/// sent twice. (spec/02, C2 to C5)
public struct PairingClient: Sendable {
  private let post: PlainPost
  private let limits: PeerLimits
  private let now: @Sendable () -> Int64

  /// - Parameter client: a client from `HTTPClient.forPeers()`, which stays the caller's to shut down.
  public init(client: HTTPClient) {
    self.init(client: client, limits: PeerLimits(), now: { Int64(Date().timeIntervalSince1970) })
  }

  init(client: HTTPClient, limits: PeerLimits, now: @escaping @Sendable () -> Int64) {
    post = PlainPost(client: client)
    self.limits = limits
    self.now = now
  }

  /// For how long the owner is waited for, in seconds.
  public var patience: Int { Int(limits.pairing.components.seconds) }

  /// Asks, and waits for the owner.
  /// - Parameters:
  ///   - connector: the key by which this machine asks.
  ///   - waiting: told of the words to show, before the host is asked.
  /// - Throws: ``ConnectorError`` or `CancellationError`. Nothing is kept then, on this side.
  public func pair(
    with target: PairingTarget, as connector: SigningKey, waiting: @Sendable (PairingWords) -> Void
  ) async throws -> PairedAgent {
    let nonce = try await challenge(of: target)
    let receiver = ReceivingKey()
    let request = PairingRequest(for: target.agent, nonce, by: connector, receiver)
    guard let verified = try? request.verified() else { throw ConnectorError.badAnswer(reason: "no nonce") }
    waiting(verified.words)
    let (status, body) = try await ask(target, "/pair", request.encoded(), limits.pairing)
    guard status == 200 else { throw Self.refusal(Refusal(status: status, body: body), of: target) }
    do throws(PairingError) {
      let answer = try PairingAnswer(parsing: body)
      let key = try answer.key(for: verified, from: target.expected, with: receiver, now: now())
      return PairedAgent(
        address: answer.agentAddress, key: try Self.peerKey(key), isPermanent: answer.isPermanent)
    } catch {
      throw ConnectorError.untrustedAnswer(error)
    }
  }

  private static func peerKey(_ key: consuming SecretBytes) throws(PairingError) -> PeerKey {
    do throws(ConnectorError) { return try PeerKey(key) } catch { throw .foreignKey }
  }

  private func challenge(of target: PairingTarget) async throws -> PairingNonce {
    let (status, body) = try await ask(target, "/pair/challenge", nil, limits.challenge)
    guard status == 200 else { throw Self.refusal(Refusal(status: status, body: body), of: target) }
    do throws(PairingError) {
      return try PairingNonce(parsingChallenge: body)
    } catch {
      throw ConnectorError.untrustedAnswer(error)
    }
  }

  private func ask(
    _ target: PairingTarget, _ path: String, _ body: [UInt8]?, _ limit: Duration
  ) async throws -> (status: Int, body: [UInt8]) {
    let base = target.url.absoluteString
    return try await post.ask(
      base, path, body, within: limit, longest: PairingAnswer.longest,
      unanswered: .pairingUnanswered(url: base))
  }

  private static func refusal(_ refusal: Refusal, of target: PairingTarget) -> ConnectorError {
    switch refusal.status {
    case 300..<400: .redirected(url: target.url.absoluteString)
    case 401 where refusal.message.contains("expired"): .pairingStale
    case 403 where refusal.message == "Pairing denied": .pairingDenied
    case 404: .notPairable(target.agent)
    case 429 where refusal.message.contains("in progress"): .pairingBusy
    case 429: .tooManyPairings
    default: .pairingRefused(status: refusal.status, message: refusal.message)
    }
  }
}
