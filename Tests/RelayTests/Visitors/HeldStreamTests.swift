import Identity
import NIOCore
import Testing

@testable import Relay

/// How long a stream lives that its caller holds up, in time that passes when the test says so.
@Suite("Streams that wait for their callers")
struct HeldStreamTests {
  private static let key = TestKey.make(1)
  private static let piece = ByteBuffer(repeating: UInt8(ascii: "x"), count: 16 << 10)

  /// A host in the middle of a stream, and the caller who does not read on.
  private struct Scene {
    let relay: VirtualRelay
    let host: VirtualTunnel
    let caller: VirtualConnection
    let request: RelayRequest

    init(_ features: TunnelFeatures, _ change: (inout RelayLimits) -> Void = { _ in }) throws {
      relay = VirtualRelay(RelayLab.settings { change(&$0.limits) })
      host = try relay.tunnel([HeldStreamTests.key], features: features)
      _ = try host.frames()
      caller = try relay.connect()
      caller.send("GET / HTTP/1.1\r\nhost: \(RelayLab.name(of: HeldStreamTests.key.address))\r\n\r\n")
      guard case .request(let request)? = try host.frames().first else { throw VirtualTunnel.NoTunnel() }
      self.request = request
      host.say(.streamStart(RelayAnswerHead(id: request.id, status: 200)))
      caller.isReading = false
    }

    /// Lets time pass, and hears what the host is told of this stream meanwhile.
    func pass(_ seconds: Int64) throws -> [RelayFrame] {
      var frames: [RelayFrame] = []
      for _ in 0..<seconds {
        relay.pass(.seconds(1))
        for frame in try host.frames() {
          if case .ping(let time) = frame { host.say(.pong(time)) } else { frames.append(frame) }
        }
      }
      return frames
    }
  }

  @Test(
    "a stream that its caller holds up outlives the time that streams may pause, and has that time again when the caller reads",
    arguments: [[.base64, .cancel, .flow, .window], [.base64, .cancel, .flow]] as [TunnelFeatures])
  func held(features: TunnelFeatures) throws {
    let scene = try Scene(features) { $0.writeTimeout = .seconds(3600) }
    let isWindowed = features.contains(.window)
    var window = SendWindow(scene.request.window ?? 512 << 10)
    #expect((scene.request.window != nil) == isWindowed)
    while window.isOpen {
      window.spend(Self.piece.readableBytes)
      scene.host.say(.streamChunk(scene.request.id, Self.piece))
    }
    let kept = scene.relay.board.budget.used
    #expect(kept == Int(window.sent))
    #expect(try scene.pass(500) == (isWindowed ? [] : [.pause(scene.request.id)]))
    scene.caller.isReading = true
    let said = try scene.pass(29)
    if isWindowed {
      for case .window(scene.request.id, let end) in said { window.widen(to: end) }
      #expect(window.isOpen && said.count <= 5)
    } else {
      #expect(said == [.resume(scene.request.id)])
    }
    #expect(scene.relay.board.budget.used == 0)
    scene.host.say(.streamChunk(scene.request.id, Self.piece))
    let more = try scene.pass(29)
    #expect(!more.contains(.cancel(scene.request.id)))
    // Now it is the host that is silent.
    #expect(try scene.pass(2) == [.cancel(scene.request.id)])
    #expect(!scene.caller.isOpen)
  }

  @Test("a caller who reads nothing at all is given up in the time that it has, and the host is told")
  func givenUp() throws {
    let scene = try Scene([.base64, .cancel, .flow, .window])
    scene.host.say(.streamChunk(scene.request.id, Self.piece))
    #expect(try scene.pass(29) == [])
    #expect(try scene.pass(2) == [.cancel(scene.request.id)])
    #expect(!scene.caller.isOpen && scene.relay.board.budget.used == 0)
  }

  @Test("a host whose window is open and who says nothing is given up, whatever the caller has left to read")
  func silent() throws {
    let scene = try Scene([.base64, .cancel, .flow, .window]) { $0.writeTimeout = .seconds(3600) }
    scene.host.say(.streamChunk(scene.request.id, Self.piece))
    #expect(try scene.pass(31) == [.cancel(scene.request.id)])
  }
}
