import Foundation
import NIOCore
import NIOHTTP1

/// What a relay answers by its own name.
struct OwnPages {
  let board: Switchboard

  enum Page {
    case found(HTTPHeaders, ByteBuffer)
    case refused(RelayRefusal)
  }

  func page(_ path: String, method: HTTPMethod, source: NetworkAddress) -> Page {
    switch path {
    case "/health":
      return json(["status": .text("ok"), "tunnels": .number(board.statistics.snapshot().tunnels)])
    case "/stats":
      guard board.statsReads.allows(source) else { return .refused(.rateLimited) }
      return stats
    case "/metrics":
      // Whoever seems to be a trusted proxy is somebody of whom the proxy did not say who it is.
      guard board.settings.metricsReaders.contains(where: { $0.contains(source) }),
        !board.proxies.contains(source)
      else {
        return .refused(.notFound)
      }
      return .found(
        ["content-type": "text/plain; version=0.0.4; charset=utf-8"],
        ByteBuffer(string: MetricsText(board).text))
    case "/tunnel/connect": return .refused(.websocketRequired)
    default: return .refused(.notFound)
    }
  }

  private var stats: Page {
    let numbers = board.statistics.snapshot()
    return json([
      "active_agents": .number(board.directory.count), "active_tunnels": .number(numbers.tunnels),
      "total_requests_relayed": .number(numbers.events[.relayedRequest] ?? 0),
      "total_tunnel_connections": .number(numbers.connected), "uptime_seconds": .number(Int(numbers.uptime)),
    ])
  }

  private enum Value: Encodable {
    case text(String)
    case number(Int)

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .text(let text): try container.encode(text)
      case .number(let number): try container.encode(number)
      }
    }
  }

  private func json(_ members: [String: Value]) -> Page {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    // Texts and numbers encode; the fallback is for the compiler.
    let bytes = (try? encoder.encode(members)) ?? Data()
    return .found(["content-type": "application/json; charset=utf-8"], ByteBuffer(bytes: bytes))
  }
}
