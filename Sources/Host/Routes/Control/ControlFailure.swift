import Foundation
import HTTPTypes
import Hummingbird
import Identity
import Stores

/// Why an order of the owner is not carried out: `{"error":"<code>","message":"<sentence>"}`.
struct ControlFailure: Error, Hashable {
  let status: HTTPResponse.Status
  let code: String
  let message: String

  static let malformed = ControlFailure.invalid("The request's body is not the JSON that belongs here.")

  static func invalid(_ message: String) -> ControlFailure {
    ControlFailure(status: .badRequest, code: "invalid_request", message: message)
  }

  /// What `body` answers, or the refusal that it throws.
  static func answering(_ body: () async throws -> Response) async throws -> Response {
    do {
      return try await body()
    } catch let failure as ControlFailure {
      return failure.response
    } catch let error as IdentityError {
      return ControlFailure.invalid(error.description).response
    } catch let error as StoresError {
      return ControlFailure(error).response
    } catch let error as MemoryError {
      return ControlFailure(error).response
    } catch let error as ToolError {
      return ControlFailure(error).response
    } catch HostError.rotationRunning {
      return ControlFailure.rotationRunning.response
    }
  }

  static var rotationRunning: ControlFailure {
    ControlFailure(
      status: .conflict, code: "rotation_running", message: HostError.rotationRunning.description)
  }

  var response: Response { .failure(status, code: code, message: message) }

  init(status: HTTPResponse.Status, code: String, message: String) {
    self.status = status
    self.code = code
    self.message = message
  }

  private init(_ error: MemoryError) {
    let (status, code): (HTTPResponse.Status, String) =
      switch error {
      case .noSuchMemory: (.notFound, "memory_not_found")
      case .badContent, .badSalience, .needsAgent, .badConversation: (.badRequest, "invalid_request")
      }
    self.init(status: status, code: code, message: error.description)
  }

  private init(_ error: ToolError) {
    let (status, code): (HTTPResponse.Status, String) =
      switch error {
      case .noSuchTool: (.notFound, "tool_not_found")
      case .ambiguousTool: (.conflict, "tool_ambiguous")
      case .badDescription, .badParameters, .nameTwice, .tooMany: (.badRequest, "invalid_request")
      }
    self.init(status: status, code: code, message: error.description)
  }

  init(_ error: StoresError) {
    let (status, code): (HTTPResponse.Status, String) =
      switch error {
      case .noSuchAgent: (.notFound, "agent_not_found")
      case .noSuchKey: (.notFound, "key_not_found")
      case .noSuchInvite: (.notFound, "invite_not_found")
      case .tooManyInvites: (.conflict, "too_many_invites")
      case .unknownInvite, .usedInvite, .revokedInvite, .expiredInvite: (.conflict, "invite_not_usable")
      case .ambiguousKey: (.conflict, "key_ambiguous")
      case .noAddress: (.conflict, "no_address")
      case .ownAddress: (.conflict, "own_address")
      case .notTrusted: (.notFound, "issuer_not_found")
      case .noSuchSession: (.notFound, "session_not_found")
      case .unavailable: (.serviceUnavailable, "storage_unavailable")
      case .malformedAttachment: (.internalServerError, "attachment_malformed")
      case .nameTaken: (.conflict, "name_taken")
      case .tooManySecrets, .tooManySettings: (.conflict, "too_many")
      case .badName, .notAnAuditExport, .identity: (.badRequest, "invalid_request")
      case .indexGiven: (.conflict, "index_given")
      case .indicesExhausted: (.conflict, "indices_exhausted")
      case .auditFull: (.conflict, "audit_full")
      case .counterMissing: (.internalServerError, "database_damaged")
      }
    self.init(status: status, code: code, message: error.description)
  }
}
