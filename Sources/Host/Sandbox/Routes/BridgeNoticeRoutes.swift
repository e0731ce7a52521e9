import Foundation
import HTTPTypes
import Hummingbird
import Logging
import Stores

/// `events/emit` and `log`: what an agent's code tells the host.
struct BridgeNoticeRoutes: RouteGroup {
  let logger: Logger

  func register(on routes: inout Routes) {
    let service = RouteClass.sandboxService(agent: nil)
    routes.on(.post, "/events/emit", service, use: emit)
    routes.on(.post, "/log", service, use: log)
  }

  private struct Event: Decodable {
    let type: String
  }

  private struct Taken: Encodable {
    let status = "ok"
  }

  private struct Line: Decodable {
    let level: String
    let message: String
  }

  /// Nothing waits for events in this version: what was told is in the log.
  private func emit(_ request: Request, _ context: HostContext) async throws -> Response {
    let event = try await request.order(Event.self)
    guard (1...128).contains(event.type.utf8.count), Self.isPlain(event.type) else {
      throw BridgeFailure.invalid("An event's type has 1 to 128 characters and no control characters.")
    }
    var metadata = try metadata(context)
    metadata["type"] = "\(event.type)"
    logger.info("an event from a sandbox", metadata: metadata)
    return try .json(Taken())
  }

  private func log(_ request: Request, _ context: HostContext) async throws -> Response {
    let line = try await request.order(Line.self)
    let level = line.level.lowercased() == "warn" ? .warning : Logger.Level(rawValue: line.level.lowercased())
    guard let level else {
      throw BridgeFailure.invalid("A level is trace, debug, info, notice, warning, error or critical.")
    }
    // One line, of bounded length, whatever is in it.
    let said = String(
      line.message.unicodeScalars.prefix(2000).map { Self.isControl($0) ? " " : Character($0) })
    let metadata = try metadata(context)
    logger.log(level: level, "sandbox: \(said)", metadata: metadata)
    return try .json(Taken())
  }

  private func metadata(_ context: HostContext) throws -> Logger.Metadata {
    let execution = try context.execution
    var metadata: Logger.Metadata = ["agent": "\(execution.agent)"]
    if let plugin = execution.plugin { metadata["plugin"] = "\(plugin)" }
    return metadata
  }

  private static func isPlain(_ text: String) -> Bool { !text.unicodeScalars.contains(where: isControl) }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator: true
    default: false
    }
  }
}
