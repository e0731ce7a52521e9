import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import Sandbox
import Stores
import Synchronization

/// The tools of this host, as code in sandboxes calls them.
protocol SandboxToolbox: Sendable {
  /// Calls a tool with arguments that are JSON, for an agent; arguments that its schema does not have are refused in the answer.
  /// - Returns: its envelope as JSON; nil where there is no such tool.
  func call(_ tool: String, arguments: Data, by execution: SandboxExecution) async throws -> Data?
}

/// `tools/{name}`: what an agent's code has the host's tools do. A command calls those alone that it was started
/// with, by their exact names: none, unless that was said.
struct BridgeToolRoutes: RouteGroup {
  /// The most bytes of one call's arguments.
  static let longestArguments = 1 << 20
  /// How many calls one command makes.
  static let most = 200
  /// How many of them at a time.
  static let mostAtOnce = 4

  let sandboxes: AgentSandboxes

  func register(on routes: inout Routes) {
    let service = RouteClass.sandboxService(agent: nil)
    routes.on(.post, "/tools/{name}", service, use: call)
  }

  private func call(_ request: Request, _ context: HostContext) async throws -> Response {
    let execution = try context.execution
    let name = context.parameters.get("name")?.removingPercentEncoding ?? ""
    let place = try sandboxes.calls.enter(execution)
    defer { withExtendedLifetime(place) {} }
    guard execution.tools.contains(name) else {
      // The name is the code's own choice, and is not kept.
      sandboxes.audit.note(
        .refused(
          AgentToolAudit.origin(execution.origin), agent: execution.agent, code: nil,
          reason: "tool not allowed"))
      throw BridgeFailure(.forbidden, "This command may not call the tool '\(name.prefix(100))'.")
    }
    let body = try await request.bytes()
    guard body.readableBytes <= Self.longestArguments else {
      throw BridgeFailure(
        .contentTooLarge, "A tool's arguments have at most \(Self.longestArguments >> 20) MiB.")
    }
    let arguments = body.readableBytes == 0 ? Data("{}".utf8) : Data(body.readableBytesView)
    guard (try? JSONSerialization.jsonObject(with: arguments)) is [String: Any] else {
      throw BridgeFailure.invalid("A tool's arguments are a JSON object.")
    }
    execution.called.note(name)
    guard let envelope = try await sandboxes.toolbox.call(name, arguments: arguments, by: execution)
    else { throw BridgeFailure.notFound("There is no tool '\(name.prefix(100))'.") }
    return .json(bytes: ByteBuffer(bytes: envelope))
  }
}

/// How many calls of tools each command made, and makes.
final class ToolCalls: Sendable {
  private struct Count {
    var all = 0
    var running = 0
  }

  private let counts = Mutex<[UUID: Count]>([:])

  /// A place for one call.
  /// - Throws: ``BridgeFailure`` where a command made as many as it may, or makes too many at once.
  func enter(_ execution: SandboxExecution) throws(BridgeFailure) -> Place {
    let refusal: BridgeFailure? = counts.withLock { counts in
      var count = counts[execution.id, default: Count()]
      guard count.all < BridgeToolRoutes.most else {
        return BridgeFailure(
          .tooManyRequests, "A command calls tools at most \(BridgeToolRoutes.most) times.")
      }
      guard count.running < BridgeToolRoutes.mostAtOnce else {
        return BridgeFailure(
          .tooManyRequests, "A command calls at most \(BridgeToolRoutes.mostAtOnce) tools at a time.",
          retryAfter: 1)
      }
      count.all += 1
      count.running += 1
      counts[execution.id] = count
      return nil
    }
    if let refusal { throw refusal }
    return Place(self, execution.id)
  }

  /// Forgets a command that has ended.
  func forget(_ execution: SandboxExecution) { counts.withLock { $0[execution.id] = nil } }

  private func leave(_ id: UUID) { counts.withLock { $0[id]?.running -= 1 } }

  /// One call, until the last reference to it goes.
  final class Place: Sendable {
    private let calls: ToolCalls
    private let id: UUID

    fileprivate init(_ calls: ToolCalls, _ id: UUID) {
      self.calls = calls
      self.id = id
    }

    deinit { calls.leave(id) }
  }
}
