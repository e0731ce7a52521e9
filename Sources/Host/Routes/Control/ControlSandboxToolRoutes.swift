import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Sandbox
import Stores

/// The tools of an agent's sandbox, as the owner calls them: with the permissions that the agent has, its secrets, and a record in
/// the audit.
struct ControlSandboxToolRoutes: RouteGroup {
  let agents: AgentStore
  let sandboxes: AgentSandboxes

  func register(on routes: inout Routes) {
    routes.on(.get, "/control/sandbox/agents/{agent}/tools", .administration, use: list)
    routes.on(.post, "/control/sandbox/agents/{agent}/tools/{tool}", .administration, use: call)
  }

  private struct Listing: Encodable {
    struct Tool: Encodable {
      let name: String
      let description: String
      /// A JSON schema.
      let parameters: ToolValue
    }

    let tools: [Tool]
  }

  private func list(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      let agent = try await agents.find(reference: context.decoded("agent"))
      do {
        let tools = try await sandboxes.tools(of: agent.id, origin: .owner)
        return try .json(
          Listing(
            tools: tools.definitions.map {
              .init(name: $0.name, description: $0.description, parameters: $0.schema.json)
            }))
      } catch let error as SandboxError {
        throw ControlFailure(error)
      } catch HostError.sandboxesClosed {
        throw ControlFailure.sandboxesClosed
      }
    }
  }

  /// Answers with what the tool does, whatever that is.
  private func call(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      let agent = try await agents.find(reference: context.decoded("agent"))
      let tool = context.decoded("tool")
      let envelope = await sandboxes.call(
        tool, with: Data(try await request.bytes().readableBytesView), of: agent.id, origin: .owner)
      return .json(bytes: ByteBuffer(string: envelope.json(tool: tool)))
    }
  }
}

extension HostContext {
  /// A part of the path, as it is meant.
  func decoded(_ name: String) -> String { parameters.get(name)?.removingPercentEncoding ?? "" }
}

extension ControlFailure {
  static let sandboxesClosed = ControlFailure(
    status: .serviceUnavailable, code: "sandboxes_closed", message: HostError.sandboxesClosed.description)

  init(_ error: SandboxError) {
    let sentence = [error.description, error.nextStep].compactMap(\.self).joined(separator: " ")
    let isRequest =
      switch error {
      case .grantRefused, .targetRefused, .notWaivable: true
      default: false
      }
    self.init(
      status: isRequest ? .badRequest : .serviceUnavailable, code: "sandbox", message: sentence)
  }
}
