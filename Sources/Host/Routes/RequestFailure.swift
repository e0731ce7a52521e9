import Agents
import Foundation
import HTTPTypes
import Hummingbird
import Inference
import Keyring
import NIOCore
import Storage
import Stores

/// Why a request for an answer fails, as a caller is told: status, type and one sentence. (spec/02, C14)
struct RequestFailure: Hashable, Sendable {
  let status: HTTPResponse.Status
  let type: String
  let message: String

  init(_ status: HTTPResponse.Status, type: String, message: String) {
    self.status = status
    self.type = type
    self.message = message
  }

  init(_ error: any Error) {
    switch error {
    case is CancellationError:
      self.init(
        HTTPResponse.Status(code: 499, reasonPhrase: "Client Closed Request"), type: "request_cancelled",
        message: "The request was cancelled.")
    case let error as InferenceError:
      self.init(inference: error)
    case let error where DiskRefusal(error) != nil:
      self.init(.insufficientStorage, type: "storage_full", message: Self.notKept)
    case StoresError.noSuchSession:
      self.init(.notFound, type: "session_not_found", message: StoresError.noSuchSession.description)
    case let error as any HostFailure:
      self.init(.internalServerError, type: "internal_error", message: error.description)
    default:
      self.init(.internalServerError, type: "internal_error", message: "The answer failed.")
    }
  }

  /// What callers are told while this host's disk takes nothing more; its owner is told more in the log.
  private static let notKept = "This host cannot keep anything at the moment: its disk is full or read-only."

  private init(inference error: InferenceError) {
    let (status, type): (HTTPResponse.Status, String) =
      switch error {
      case .noModel, .runtimeNotInstalled, .runtimeUnsupported, .pythonMissing, .installFailed,
        .checksumMismatch, .runtimeFailed, .shuttingDown:
        (.serviceUnavailable, "insufficient_resources")
      case .unknownModel: (.notFound, "model_not_found")
      case .invalidRequest: (.badRequest, "invalid_request_error")
      case .refused(_, let status, _) where [400, 404, 413, 422].contains(status):
        (.badRequest, "invalid_request_error")
      default: (.internalServerError, "internal_error")
      }
    self.init(status, type: type, message: error.description)
  }

  /// `{"error":{"message","type"}}`.
  var response: Response { .failure(status, type: type, message: message) }
}

/// An error of this package that says what happened in a sentence made for people.
protocol HostFailure: Error, CustomStringConvertible {}
extension AgentsError: HostFailure {}
extension StoresError: HostFailure {}

extension Request {
  /// The body, which the front door has bounded and collected.
  func bytes() async throws -> ByteBuffer { try await body.collect(upTo: .max) }

  /// The body as JSON; nil for one that is not, or not of this shape.
  func decoded<Value: Decodable>(_ type: Value.Type) async throws -> Value? {
    let bytes = try await bytes()
    return bytes.withUnsafeReadableBytes { try? JSONDecoder().decode(type, from: Data($0)) }
  }
}
