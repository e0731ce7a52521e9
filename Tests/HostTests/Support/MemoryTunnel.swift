import Foundation
import Identity
import NIOCore
import SecureChannel
import Synchronization

@testable import Host
@testable import Relay

/// A tunnel without sockets: what a relay would send goes in, and what it would get comes out.
final class MemoryTunnel: Sendable {
  let agent: Address
  let probes = RouteProbes()
  private let entrance: RelayEntrance
  private let features: TunnelFeatures
  private let number = Mutex(0)
  private let wire = Mutex<[UInt8]>([])

  init(to door: FrontDoor, agent: Address, features: TunnelFeatures = [.base64, .cancel]) {
    self.agent = agent
    self.features = features
    entrance = RelayEntrance(door: door, held: HeldBytes(limit: 1 << 26), probes: probes)
  }

  /// Everything that a relay would have seen so far, in both directions.
  var recorded: [UInt8] { wire.withLock { $0 } }

  func request(
    _ method: String, _ path: String, _ body: [UInt8] = [], headers: RelayHeaders = [:],
    from source: String? = "198.51.100.7"
  ) -> RelayRequest {
    let number = number.withLock { number in
      number += 1
      return number
    }
    var headers = headers
    headers.set("x-agent-address", agent.lowercased)
    headers.set("x-forwarded-for", source)
    return RelayRequest(
      id: RequestID("r\(number)")!, method: method, path: RelayPath(path), headers: headers,
      body: ByteBuffer(bytes: body))
  }

  /// Hands a request over; gives the frames of the answer, each written and read again as on a wire.
  func frames(_ request: RelayRequest) async throws -> [HostFrame] {
    record(RelayFrame.request(request).encoded)
    guard case .request(let arrived) = try RelayFrame(RelayFrame.request(request).encoded) else { return [] }
    let sent = Mutex<[HostFrame]>([])
    let answer = TunnelAnswer(to: arrived.id, features: features) { frame in
      self.record(frame.encoded)
      let read = try HostFrame(frame.encoded)
      sent.withLock { $0.append(read) }
    }
    await entrance.answer(arrived, to: agent, with: answer)
    await answer.conclude()
    return sent.withLock { $0 }
  }

  private func record(_ message: ByteBuffer) { wire.withLock { $0 += message.readableBytesView } }

  /// What comes out at the relay's far side.
  struct Answer: Sendable {
    var status = 0
    var headers = RelayHeaders()
    var body: [UInt8] = []
    /// Whether it came to its end.
    var isWhole = false
    var text: String { String(decoding: body, as: UTF8.self) }
  }

  /// Puts frames together as a relay does.
  static func answer(_ frames: [HostFrame]) -> Answer {
    var answer = Answer()
    for frame in frames where !answer.isWhole {
      switch frame {
      case .answer(let whole):
        guard answer.status == 0 else { return answer }
        answer = Answer(
          status: whole.status, headers: whole.headers, body: Array(whole.body.readableBytesView),
          isWhole: true)
      case .streamStart(let head):
        guard answer.status == 0 else { return answer }
        (answer.status, answer.headers) = (head.status, head.headers)
      case .streamChunk(_, let piece): answer.body += piece.readableBytesView
      case .streamEnd: answer.isWhole = answer.status != 0
      case .cancel: return answer
      default: break
      }
    }
    return answer
  }

  func ask(
    _ method: String, _ path: String, _ body: [UInt8] = [], headers: RelayHeaders = [:],
    from source: String? = "198.51.100.7"
  ) async throws -> Answer {
    Self.answer(try await frames(request(method, path, body, headers: headers, from: source)))
  }

  /// Opens a session with the agent.
  func session(now: Int64 = TestHost.now) async throws -> ClientSession {
    let handshake = ClientHandshake(with: agent)
    let answer = try await ask("POST", "/secure/session", handshake.hello.encoded())
    let hello = try answer.body.withUnsafeBytes { try ServerHello(parsing: $0) }
    return try handshake.finish(hello, now: now)
  }
}
