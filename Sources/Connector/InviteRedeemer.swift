public import AsyncHTTPClient
import Foundation
public import Identity
import Pairing
import SecretMemory

/// Turns an invite into the access key that it promises, and believes nobody but the agent that signed it.
///
/// The key has to come sealed for this request, by the agent of the invite, and has to be that agent's own. Who stands in
/// between can keep it from coming, and nothing else. (spec/02, C6)
public struct InviteRedeemer: Sendable {
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

  /// Brings the invite to the peer that it is from.
  ///
  /// An answer that is lost on the way is asked for again, by the same request, of hosts that give it again.
  /// - Throws: ``ConnectorError`` or `CancellationError`.
  public func redeem(_ invite: VerifiedInvite, at peer: Peer) async throws -> PeerKey {
    let receiver = ReceivingKey()
    let body = RedemptionRequest(invite, for: receiver).encoded()
    var attempts = invite.detailsAreSigned ? 3 : 1
    var places = peer.bases[...]
    while true {
      do {
        return try key(
          of: try await ask(body, of: peer, at: places[places.startIndex]), for: invite, receiver)
      } catch let error as ConnectorError {
        switch error {
        // Nothing was sent.
        case .unreachable where places.count > 1: places.removeFirst()
        case .inviteUnanswered where attempts > 1: attempts -= 1
        default: throw error
        }
      }
    }
  }

  private func key(
    of answer: RedemptionAnswer, for invite: VerifiedInvite, _ receiver: ReceivingKey
  ) throws(ConnectorError) -> PeerKey {
    let key: SecretBytes
    do throws(PairingError) {
      key = try answer.key(for: invite, with: receiver, now: now())
    } catch {
      throw .untrustedAnswer(error)
    }
    return try PeerKey(key)
  }

  private func ask(_ body: [UInt8], of peer: Peer, at base: String) async throws -> RedemptionAnswer {
    let (status, answer) = try await post.ask(
      base, "/pair-invite", body, within: limits.redemption, longest: RedemptionAnswer.longest,
      unanswered: .inviteUnanswered(url: base))
    guard status == 200 else {
      throw Self.refusal(Refusal(status: status, body: answer), by: peer, at: base)
    }
    do throws(PairingError) {
      return try RedemptionAnswer(parsing: answer)
    } catch {
      throw ConnectorError.untrustedAnswer(error)
    }
  }

  private static func refusal(_ refusal: Refusal, by peer: Peer, at base: String) -> ConnectorError {
    switch refusal.status {
    case 300..<400: .redirected(url: base)
    case 401: .inviteUnknown
    case 403: .inviteRevoked
    case 404: .noSuchAgent(peer.address)
    case 409: .inviteUsed
    case 410: .inviteExpired
    case 429: .tooManyHandshakes
    case 502, 503, 504: .inviteUnanswered(url: base)
    default: .rejected(refusal)
    }
  }
}
