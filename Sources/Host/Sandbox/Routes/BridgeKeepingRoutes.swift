import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Stores

/// `secrets/{name}` and `config/{key}`: what an agent's code is given, and what it keeps. Both are the agent's, or the plugin's whose
/// command it is: nobody else can name them.
struct BridgeKeepingRoutes: RouteGroup {
  let secrets: AgentSecretStore
  let config: SandboxConfigStore

  func register(on routes: inout Routes) {
    let service = RouteClass.sandboxService(agent: nil)
    routes.on(.get, "/secrets/{name}", service, use: secret)
    routes.on(.get, "/config/{key}", service, use: setting)
    routes.on(.post, "/config/{key}", service, use: set)
  }

  private struct Kept: Codable {
    let value: String
  }

  private func secret(_ request: Request, _ context: HostContext) async throws -> Response {
    let (name, execution) = (try name("name", context), try context.execution)
    // What a plugin's recipe does not name is not there for it.
    guard execution.secrets?.contains(name) != false,
      let value = try await secrets.value(name, agent: execution.agent, plugin: execution.plugin)
    else {
      throw BridgeFailure.notFound("There is no secret '\(name)'.")
    }
    return try .json(Kept(value: String(decoding: value, as: UTF8.self)))
  }

  private func setting(_ request: Request, _ context: HostContext) async throws -> Response {
    let (key, execution) = (try name("key", context), try context.execution)
    guard let value = try await config.value(key, agent: execution.agent, plugin: execution.plugin) else {
      throw BridgeFailure.notFound("There is no value for '\(key)'.")
    }
    return try .json(Kept(value: value))
  }

  private func set(_ request: Request, _ context: HostContext) async throws -> Response {
    let (key, execution) = (try name("key", context), try context.execution)
    let order = try await request.order(Kept.self)
    guard order.value.utf8.count <= SandboxConfigStore.longest else {
      throw BridgeFailure.invalid("A value has at most \(SandboxConfigStore.longest >> 10) KiB.")
    }
    try await config.set(key, to: order.value, agent: execution.agent, plugin: execution.plugin)
    return try .json(order)
  }

  /// A name in a path: letters, digits, `.`, `_` and `-`.
  private func name(_ parameter: Substring, _ context: HostContext) throws -> String {
    let name = context.parameters.get(String(parameter))?.removingPercentEncoding ?? ""
    let isPlain = name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
        true
      default: false
      }
    }
    guard isPlain, (1...128).contains(name.utf8.count) else {
      throw BridgeFailure.invalid("Names are letters, digits, '.', '_' and '-', at most 128.")
    }
    return name
  }
}

extension HostContext {
  /// The command that asks.
  var execution: SandboxExecution {
    get throws {
      guard case .execution(let execution) = caller.principal else {
        throw BridgeFailure(.unauthorized, AuthenticationRefusal.unknownPass.message)
      }
      return execution
    }
  }
}

extension Request {
  /// The body.
  /// - Throws: ``BridgeFailure/malformed``.
  func order<Value: Decodable>(_ type: Value.Type) async throws -> Value {
    guard let order = try await decoded(type) else { throw BridgeFailure.malformed }
    return order
  }
}
