import NIOCore
import SecretMemory
import Synchronization

/// A tunnel as the rest of the relay sees it: what is asked of it is done on its own event loop.
final class Tunnel: Sendable {
  /// Who opened it.
  let source: NetworkAddress
  private let loop: any EventLoop
  private let handler: NIOLoopBound<TunnelHandler>
  private let prefix: UInt64
  private let issued = Atomic<UInt64>(0)

  /// To be made on the tunnel's event loop.
  init(source: NetworkAddress, handler: TunnelHandler, loop: any EventLoop) {
    self.source = source
    self.loop = loop
    self.handler = NIOLoopBound(handler, eventLoop: loop)
    prefix = RandomBytes.make(8).reduce(0) { $0 << 8 | UInt64($1) } & Self.prefixMask
  }

  // MARK: Requests

  /// A number for the next request.
  func nextNumber() -> UInt64 { issued.add(1, ordering: .relaxed).oldValue }

  /// Hands a request over. What becomes of it comes to the exchange.
  func begin(_ exchange: Exchange, _ request: RelayRequest) {
    let handler = handler
    loop.execute { handler.value.begin(exchange, request) }
  }

  /// Nobody waits for the answer any more.
  func cancel(_ number: UInt64) {
    let handler = handler
    loop.execute { handler.value.visitorLeft(number) }
  }

  /// What waited for the caller is read.
  func resume(_ number: UInt64) {
    let handler = handler
    loop.execute { handler.value.visitorCaughtUp(number) }
  }

  /// The caller has read, and the host may go on until here.
  func widen(_ number: UInt64, to end: Int64) {
    let handler = handler
    loop.execute { handler.value.visitorRead(number, to: end) }
  }

  // MARK: Life

  /// Whether the host shows that it is there, within a time.
  func isAlive(within time: TimeAmount) -> EventLoopFuture<Bool> {
    let promise = loop.makePromise(of: Bool.self)
    let handler = handler
    loop.execute { handler.value.prove(within: time, promise) }
    return promise.futureResult
  }

  /// Ends it: nothing answers there.
  func close(code: UInt16, reason: String) {
    let handler = handler
    loop.execute { handler.value.end(code: code, reason: reason) }
  }

  // MARK: Names of requests

  // A request's name is a UUID (version 8) of the tunnel's 52 random bits, and 60 bits of the request's number. So it is told
  // without remembering whether a request of this name was ever made here.
  private static let prefixMask: UInt64 = (1 << 60) - 1
  private static let numberMask: UInt64 = (1 << 60) - 1

  /// The name of the request of this number.
  func id(of number: UInt64) -> RequestID {
    let high = prefix & 0xffff_ffff_ffff
    let middle = prefix >> 48 & 0xfff
    let number = number & Self.numberMask
    let text = [
      Self.hex(high >> 16, 8), Self.hex(high & 0xffff, 4), "8" + Self.hex(middle, 3),
      "8" + Self.hex(number >> 48, 3), Self.hex(number & 0xffff_ffff_ffff, 12),
    ].joined(separator: "-")
    // It is printable ASCII of 36 characters.
    return RequestID(text)!
  }

  /// The number of the request of this name; nil where none of this name was made here.
  func number(of id: RequestID) -> UInt64? {
    let text = id.text.lowercased()
    guard text.utf8.count == 36, let high = UInt64(text.dropFirst(20).prefix(3), radix: 16),
      let low = UInt64(text.suffix(12), radix: 16)
    else { return nil }
    let number = high << 48 | low
    guard self.id(of: number).text == text, number < issued.load(ordering: .relaxed) else { return nil }
    return number
  }

  private static func hex(_ value: UInt64, _ digits: Int) -> String {
    let text = String(value, radix: 16)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }
}

extension Tunnel: Hashable {
  static func == (left: Tunnel, right: Tunnel) -> Bool { left === right }

  func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}
