import Foundation
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import Sandbox

/// Answers as it is told, and counts how often it was asked.
final class ToldResolver: EgressResolver {
  private let answers: Mutex<[[String]]>
  private let asked = Mutex<[String]>([])
  var names: [String] { asked.withLock { $0 } }

  /// - Parameter answers: the addresses for the first question, the second, and so on; the last ones stay.
  init(_ answers: [[String]]) { self.answers = Mutex(answers) }

  func addresses(of name: String) async -> [[UInt8]] {
    asked.withLock { $0.append(name) }
    let texts = answers.withLock { $0.count > 1 ? $0.removeFirst() : $0.first ?? [] }
    return texts.compactMap { InternetAddress($0)?.bytes }
  }
}

/// Answers nothing before it is let go on.
final class HeldResolver: EgressResolver {
  private struct State {
    var asked: [String] = []
    var isHeld = true
    var waiting: [CheckedContinuation<Void, Never>] = []
  }

  private let state = Mutex(State())
  var asked: [String] { state.withLock(\.asked) }

  func addresses(of name: String) async -> [[UInt8]] {
    await withCheckedContinuation { continuation in
      let goesOn = state.withLock { state in
        state.asked.append(name)
        if state.isHeld { state.waiting.append(continuation) }
        return !state.isHeld
      }
      if goesOn { continuation.resume() }
    }
    return [[127, 0, 0, 1]]
  }

  func letGo() {
    let waiting = state.withLock { state in
      defer { state.waiting = [] }
      state.isHeld = false
      return state.waiting
    }
    for continuation in waiting { continuation.resume() }
  }
}

/// Servers on this machine's loopback that stand for the internet, a list with one of them on it, and what was noted.
final class EgressGround: Sendable {
  static let name = "www.test.example"

  let policy: EgressPolicy
  let surroundings: EgressSurroundings
  let port: Int
  private let server: any Channel
  private let notes = Mutex<[EgressRecord]>([])
  private let heard: Heard
  var records: [EgressRecord] { notes.withLock { $0 } }
  /// What the server was sent, over all connections.
  var received: String { heard.text.withLock { $0 } }

  private final class Heard: Sendable {
    let text = Mutex("")
  }

  /// Says back what it reads, or the same to everybody, and ends when the other side does.
  private final class Server: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    let answer: String?
    let heard: Heard
    private var isDone = false

    init(_ answer: String?, _ heard: Heard) {
      self.answer = answer
      self.heard = heard
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      let bytes = Self.unwrapInboundIn(data)
      guard let answer else { return context.writeAndFlush(data, promise: nil) }
      defer { isDone = true }
      heard.text.withLock { $0 += String(buffer: bytes) }
      guard !isDone else { return }
      context.writeAndFlush(NIOAny(ByteBuffer(string: answer)), promise: nil)
      context.channel.endOutput()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
      if case ChannelEvent.inputClosed = event { context.channel.endOutput() }
    }
  }

  /// - Parameter answer: what the server says to whatever it is sent; nothing else than that where it says none.
  init(
    answer: String? = nil, answers: [[String]] = [["127.0.0.1"]], resolver: ToldResolver? = nil,
    change: (inout EgressSurroundings) -> Void = { _ in }
  ) throws {
    let heard = Heard()
    self.heard = heard
    server = try Self.serve(answer, heard)
    port = server.localAddress?.port ?? 0
    policy = try EgressPolicy("\(Self.name):\(port)")
    let loopback = try #require(InternetAddress("127.0.0.1"))
    var surroundings = EgressSurroundings(
      resolver: resolver ?? ToldResolver(answers), rule: AddressRule(besides: [loopback]))
    change(&surroundings)
    self.surroundings = surroundings
  }

  private static func serve(_ answer: String?, _ heard: Heard) throws -> any Channel {
    try ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(Server(answer, heard))
        }
      }
      .bind(host: "127.0.0.1", port: 0).wait()
  }

  deinit { server.close(promise: nil) }

  var log: @Sendable (EgressRecord) -> Void {
    { [weak self] record in self?.notes.withLock { $0.append(record) } }
  }

  /// Lets an agent's commands reach the server.
  func open(_ ground: Ground) {
    ground.profile.network = .egress(policy)
    ground.profile.egress = surroundings
    ground.profile.onConnection = log
  }

  /// A proxy without a sandbox, which is gone afterwards. What is done with it stands still now and then, so it has a thread
  /// of its own: those of tasks are few, and the proxy needs one.
  func withProxy(_ body: @escaping @Sendable (ProxyAtHand) throws -> Void) async throws {
    try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
      Thread { done.resume(with: Result { try self.proxy(body) }) }.start()
    }
  }

  private func proxy(_ body: (ProxyAtHand) throws -> Void) throws {
    let socket = try ProxyAtHand.listen()
    let at = try ProxyAtHand.port(of: socket)
    let service = try EgressProxy(policy, surroundings, log: log).serve(on: Descriptor(socket))
    defer { service.stop() }
    try body(ProxyAtHand(port: at, service: service))
  }
}

/// A proxy on this machine's loopback, and programs that ask it.
struct ProxyAtHand {
  let port: UInt16
  let service: EgressProxy.Service

  static func listen() throws -> Int32 {
    let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
    try #require(number >= 0)
    try withPlace(port: 0) { try #require(bind(number, $0, $1) == 0) }
    try #require(Glibc.listen(number, 256) == 0)
    return number
  }

  static func port(of socket: Int32) throws -> UInt16 {
    var place = sockaddr_in()
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let answer = withUnsafeMutablePointer(to: &place) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(socket, $0, &size) }
    }
    try #require(answer == 0)
    return UInt16(bigEndian: place.sin_port)
  }

  private static func withPlace(
    port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) throws -> Void
  ) throws {
    var place = sockaddr_in()
    place.sin_family = sa_family_t(AF_INET)
    place.sin_port = port.bigEndian
    place.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    try withUnsafePointer(to: &place) {
      try $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        try body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }

  /// A connection to the proxy on which reads give up after a while.
  func connect() throws -> Program {
    let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
    try #require(number >= 0)
    var patience = timeval(tv_sec: 30, tv_usec: 0)
    setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    try Self.withPlace(port: port) { try #require(Glibc.connect(number, $0, $1) == 0) }
    return Program(number: number)
  }

  /// Sends a request and gives all that comes back until the end.
  func answer(to request: String) throws -> String {
    let program = try connect()
    program.say(request)
    return program.everything()
  }

  /// One end of a connection.
  final class Program {
    private let number: Int32

    init(number: Int32) { self.number = number }

    deinit { close(number) }

    func say(_ text: String) {
      let bytes = Array(text.utf8)
      _ = send(number, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    func endOutput() { shutdown(number, Int32(SHUT_WR)) }

    /// What comes, until there is so much or the end.
    func some(_ count: Int) -> String {
      var bytes: [UInt8] = []
      var piece = [UInt8](repeating: 0, count: 4096)
      while bytes.count < count {
        let read = recv(number, &piece, min(piece.count, count - bytes.count), 0)
        guard read > 0 else { break }
        bytes += piece.prefix(read)
      }
      return String(decoding: bytes, as: UTF8.self)
    }

    func everything() -> String { some(.max) }
  }
}
