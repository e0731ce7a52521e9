import Foundation
import HTTPTypes
import Hummingbird
import Identity
import Keyring
import Logging
import NIOCore
import Pairing
import Storage
import Stores

/// `/pair-invite`: whoever brings an invite of this host gets an access key for it, once. (spec/02, C6)
struct InviteRoutes: RouteGroup {
  let invites: InviteStore
  let access: HostAccess
  /// Of its own, so that redeeming takes nobody's handshakes away.
  let limiter: AttemptLimiter
  /// Whether a client may have its key in the clear.
  let allowsUnsealedKeys: Bool
  var now: @Sendable () -> Date = { Date() }

  func register(on routes: inout Routes) {
    routes.on(.post, "/pair-invite", .redemption, use: redeem)
  }

  private func redeem(_ request: Request, _ context: HostContext) async throws -> Response {
    let origin = context.caller.origin
    if let source = origin.source, !limiter.allows(source) {
      return .failure(.tooManyRequests, code: "Too many pairing attempts. Try again shortly.")
    }
    let body = try await request.bytes()
    do {
      let redemption = try body.withUnsafeReadableBytes { try RedemptionRequest(parsing: $0) }
      let invite = try redemption.invite.verified(now: Int64(now().timeIntervalSince1970))
      guard let agent = try access.signingKey(of: invite.invite.agent, from: origin) else {
        return .failure(.notFound, code: "Agent address not found on this server")
      }
      let redeemed = try await invites.redeem(
        invite, by: agent, from: origin.name, attempt: redemption.attempt, now: now()
      ) { record, key in
        guard allowsUnsealedKeys || redemption.encPub?.isEmpty == false else {
          throw PairingError.invalidEncryptionKey
        }
        // As the owner had it when the invite was made: what a request says besides its signed parts counts for nothing.
        let details = try InviteDetails(name: record.name, description: record.description, url: record.url)
        return try RedemptionAnswer(to: redemption, details: details, key: key, signedBy: agent).encoded()
      }
      if !redeemed.isRepeated {
        try await access.refresh()
        context.logger.info(
          "an invite was redeemed",
          metadata: [
            "invite": "\(redeemed.invite.id)", "agent": "\(agent.address)",
            "from": "\(redeemed.invite.redeemedFrom ?? "")",
          ])
      }
      return .json(bytes: ByteBuffer(bytes: redeemed.answer))
    } catch let refusal as InviteRefusal {
      return Self.response(to: refusal)
    } catch let refusal as StoresError {
      return Self.response(to: refusal)
    } catch is PairingError {
      return .failure(.badRequest, code: "Invalid encryption key")
    } catch is CancellationError {
      throw CancellationError()
    } catch let error where DiskRefusal(error) != nil {
      throw error
    } catch {
      context.logger.error("an invite could not be redeemed", metadata: ["error": "\(error)"])
      return .failure(.internalServerError, code: "Failed to mint access key")
    }
  }

  private static func response(to refusal: InviteRefusal) -> Response {
    switch refusal {
    case .unsupportedVersion: .failure(.badRequest, code: "Unsupported invite version")
    case .malformed(.address), .malformed(.nonce), .malformed(.signature), .wrongSignature, .alteredDetails:
      .failure(.unauthorized, code: "Signature verification failed")
    case .expired: .failure(.gone, code: "Invite has expired")
    case .notALink, .tooLong, .payloadEncoding, .notAnObject, .missing, .malformed, .otherAgent:
      .failure(.badRequest, code: "Invalid invite payload")
    }
  }

  private static func response(to refusal: StoresError) -> Response {
    switch refusal {
    case .usedInvite: .failure(.conflict, code: "Invite has already been redeemed")
    case .revokedInvite: .failure(.forbidden, code: "Invite was revoked")
    case .expiredInvite: .failure(.gone, code: "Invite has expired")
    default: .failure(.unauthorized, code: "Invite is not registered on this server")
    }
  }
}
