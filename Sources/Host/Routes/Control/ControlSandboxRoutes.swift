import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Sandbox
import SecretMemory
import Stores

/// The owner's orders about what the sandboxes of an agent are given.
struct ControlSandboxRoutes: RouteGroup {
  let agents: AgentStore
  let sandboxes: AgentSandboxes

  func register(on routes: inout Routes) {
    routes.on(.post, "/control/sandbox/passes", .administration, use: pass)
    routes.on(.get, "/control/agents/{ref}/secrets", .administration, use: list)
    routes.on(.put, "/control/agents/{ref}/secrets/{name}", .administration, use: set)
    routes.on(.delete, "/control/agents/{ref}/secrets/{name}", .administration, use: remove)
  }

  // MARK: A pass for a command that the owner starts

  private struct PassOrder: Decodable {
    let agent: String
    var tools: [String]?
  }

  private struct Pass: Encodable {
    let socket: String
    let token: String
  }

  /// Gives a pass, which holds for as long as whoever asked stays to hear the end of the answer.
  private func pass(_ request: Request, _ context: HostContext) async throws -> Response {
    do {
      return try await ControlFailure.answering {
        guard let order = try await request.decoded(PassOrder.self) else { throw ControlFailure.malformed }
        let agent = try await agents.find(reference: order.agent)
        let socket = try await sandboxes.bridge(of: agent.id)
        let (ending, end) = AsyncStream.makeStream(of: Never.self)
        let pass = try sandboxes.passes.make(
          for: agent.id, HostCalls(tools: Set(order.tools ?? [])), cut: { end.finish() })
        let text = pass.withToken { token in
          token.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        }
        let line = try JSONEncoder().encode(Pass(socket: socket, token: text)) + Data("\n".utf8)
        return Response(
          status: .ok, headers: [.contentType: "application/x-ndjson"],
          body: ResponseBody { writer in
            defer { pass.revoke() }
            try await writer.write(ByteBuffer(bytes: line))
            for await _ in ending {}
            try await writer.finish(nil)
          })
      }
    } catch let error as HostError {
      return ControlFailure(
        status: .serviceUnavailable, code: "sandboxes_closed", message: error.description
      ).response
    } catch let error as SandboxError {
      return ControlFailure(status: .serviceUnavailable, code: "sandbox", message: error.description).response
    }
  }

  // MARK: Secrets

  private struct Names: Encodable {
    let secrets: [String]
  }

  private struct Value: Decodable {
    let value: String
  }

  private struct Done: Encodable {
    let name: String
  }

  private func list(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      let agent = try await agent(of: context)
      return try .json(Names(secrets: try await sandboxes.secretStore.names(agent: agent.id)))
    }
  }

  private func set(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      let (agent, name) = (try await agent(of: context), name(of: context))
      if let refusal = AgentSecret.refusal(ofName: name) {
        throw ControlFailure.invalid("'\(name)' cannot be the name of a secret: \(refusal.sentence)")
      }
      guard let order = try await request.decoded(Value.self) else { throw ControlFailure.malformed }
      guard (1...AgentSecretStore.longest).contains(order.value.utf8.count), !order.value.utf8.contains(0)
      else { throw ControlFailure.invalid("A secret has 1 byte to 32 KiB, and no NUL.") }
      var value = Array(order.value.utf8)
      defer { wipe(&value) }
      try await sandboxes.secretStore.set(name, to: value, agent: agent.id)
      return try .json(Done(name: name))
    }
  }

  private func remove(_ request: Request, _ context: HostContext) async throws -> Response {
    try await ControlFailure.answering {
      let (agent, name) = (try await agent(of: context), name(of: context))
      guard try await sandboxes.secretStore.remove(name, agent: agent.id) else {
        throw ControlFailure(
          status: .notFound, code: "secret_not_found",
          message: "\(agent.name) has no secret '\(name)'; see 'osaurus-host agent secret list'.")
      }
      return try .json(Done(name: name))
    }
  }

  private func agent(of context: HostContext) async throws -> AgentRecord {
    try await agents.find(reference: context.parameters.get("ref")?.removingPercentEncoding ?? "")
  }

  private func name(of context: HostContext) -> String {
    context.parameters.get("name")?.removingPercentEncoding ?? ""
  }
}
