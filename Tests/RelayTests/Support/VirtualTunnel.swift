import Identity
import NIOCore

@testable import Relay

/// A host's end of a tunnel to a ``VirtualRelay``.
final class VirtualTunnel {
  struct NoTunnel: Error {}

  let connection: VirtualConnection
  private let relay: VirtualRelay
  private var unread = ByteBuffer()
  /// The challenge that came first.
  private(set) var nonce: TunnelNonce?
  /// What the relay closed with, once it did.
  private(set) var closing: Int?

  init(to relay: VirtualRelay, from address: String = "192.0.2.1") throws {
    self.relay = relay
    connection = try relay.connect(from: address)
    connection.send(
      "GET /tunnel/connect HTTP/1.1\r\nhost: \(VirtualRelay.domain)\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        + "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
    unread = connection.read()
    let answer = String(buffer: unread)
    guard answer.hasPrefix("HTTP/1.1 101 "), let end = answer.firstRange(of: "\r\n\r\n") else {
      throw NoTunnel()
    }
    unread.moveReaderIndex(forwardBy: answer[..<end.upperBound].utf8.count)
    if case .challenge(let nonce, _)? = try frames().first { self.nonce = nonce }
  }

  func authenticate(_ keys: [SigningKey], features: TunnelFeatures) {
    guard let nonce else { return }
    say(
      .auth(
        TunnelAuthentication(
          agents: keys.map { AgentProof(by: $0, nonce: nonce, timestamp: relay.now) }, nonce: nonce,
          timestamp: relay.now, features: features)))
  }

  func say(_ frame: HostFrame) { say(frame.encoded) }

  /// Sends a message in one frame. (RFC 6455 §5.2)
  func say(_ message: ByteBuffer, opcode: UInt8 = 1) {
    let mask: [UInt8] = [0x13, 0x57, 0x9b, 0xdf]
    var bytes = ByteBuffer(bytes: [0x80 | opcode & 15])
    switch message.readableBytes {
    case ..<126: bytes.writeInteger(0x80 | UInt8(message.readableBytes))
    case ..<65_536: bytes.writeMultipleIntegers(UInt8(0xfe), UInt16(message.readableBytes))
    default: bytes.writeMultipleIntegers(UInt8(0xff), UInt64(message.readableBytes))
    }
    bytes.writeBytes(mask)
    bytes.writeBytes(message.readableBytesView.enumerated().map { $1 ^ mask[$0 & 3] })
    connection.send(bytes)
  }

  /// What the relay said since the last time. Everything that it says is a frame.
  func frames() throws -> [RelayFrame] {
    unread.writeImmutableBuffer(connection.read())
    var frames: [RelayFrame] = []
    while let (opcode, payload) = message() {
      switch opcode {
      case 1: frames.append(try RelayFrame(payload))
      case 8: closing = payload.getInteger(at: payload.readerIndex, as: UInt16.self).map(Int.init) ?? 1005
      default: break
      }
    }
    return frames
  }

  private func message() -> (opcode: UInt8, ByteBuffer)? {
    var rest = unread
    guard let first = rest.readInteger(as: UInt8.self), let second = rest.readInteger(as: UInt8.self) else {
      return nil
    }
    let length: Int?
    switch second {
    case 126: length = rest.readInteger(as: UInt16.self).map(Int.init)
    case 127: length = rest.readInteger(as: UInt64.self).flatMap { Int(exactly: $0) }
    default: length = Int(second)
    }
    guard let length, let payload = rest.readSlice(length: length) else { return nil }
    unread = rest
    return (first & 15, payload)
  }
}

@available(*, unavailable)
extension VirtualTunnel: Sendable {}
