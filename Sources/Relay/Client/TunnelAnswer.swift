public import NIOCore
import Synchronization

/// Where the answer to one request goes: back through the tunnel by which that came, in one piece or as a stream. What is
/// not finished is broken off, never ended.
public final class TunnelAnswer: Sendable {
  /// An answer that cannot be sent.
  public enum Failure: Error, Hashable, Sendable {
    /// The relay takes text alone.
    case binaryUnsupported
    /// It was begun before.
    case misused
    /// Nobody read for longer than an answer waits.
    case unread
  }

  private enum Stage: Sendable {
    case fresh
    case streaming
    case over
  }

  private struct State: Sendable {
    var stage = Stage.fresh
    var cutter = StreamCutter()
    var isPaused = false
    /// nil where the relay says nothing of a window.
    var window: SendWindow?
    var waiting: CheckedContinuation<Void, Never>?

    init(window: Int64?) { self.window = window.map { SendWindow($0) } }

    /// Whether a piece may be sent now.
    var mayGoOn: Bool { !isPaused && window?.isOpen ?? true }

    /// Takes leave to send a piece, where that is wanted now.
    mutating func claim(_ bytes: Int) -> Bool {
      guard mayGoOn else { return false }
      window?.spend(bytes)
      return true
    }
  }

  private let id: RequestID
  private let features: TunnelFeatures
  private let patience: @Sendable () async throws -> Void
  private let send: @Sendable (HostFrame) async throws -> Void
  private let state: Mutex<State>

  /// - Parameters:
  ///   - features: what the relay understands.
  ///   - window: how much of a stream it takes before it says more; nil where it does not say.
  ///   - patience: returns when a piece has waited for its reader for long enough.
  ///   - send: sends a frame, when there is room for it.
  public init(
    to id: RequestID, features: TunnelFeatures, window: Int64? = nil,
    patience: @escaping @Sendable () async throws -> Void = { try await Task.sleep(for: .seconds(600)) },
    send: @escaping @Sendable (HostFrame) async throws -> Void
  ) {
    self.id = id
    self.features = features
    self.patience = patience
    self.send = send
    state = Mutex(State(window: window))
  }

  // MARK: In one piece

  /// Answers in one piece; where the relay cannot carry it, with a 502 that says so.
  public func send(status: Int, headers: RelayHeaders, body: ByteBuffer) async throws {
    try advance(from: .fresh, to: .over)
    guard features.contains(.base64) || body.isUTF8 else {
      return try await send(.answer(Self.error(id, 502, "binary_unsupported")))
    }
    try await send(.answer(RelayAnswer(id: id, status: status, headers: headers, body: body)))
  }

  /// Answers with `{"error":"<code>"}`.
  public func fail(status: Int, code: String) async throws {
    try advance(from: .fresh, to: .over)
    try await send(.answer(Self.error(id, status, code)))
  }

  static func error(_ id: RequestID, _ status: Int, _ code: String) -> RelayAnswer {
    RelayAnswer(
      id: id, status: status, headers: ["content-type": "application/json"],
      body: ByteBuffer(string: "{\"error\":\"\(code)\"}"))
  }

  // MARK: As a stream

  /// Begins a stream.
  public func start(status: Int, headers: RelayHeaders) async throws {
    try advance(from: .fresh, to: .streaming)
    try await send(.streamStart(RelayAnswerHead(id: id, status: status, headers: headers)))
  }

  /// Goes on with it, when the relay and whoever reads there want more.
  public func write(_ bytes: ByteBuffer) async throws {
    let pieces = try state.withLock { state in
      guard case .streaming = state.stage else { throw Failure.misused }
      return state.cutter.add(bytes)
    }
    for piece in pieces { try await send(piece: piece) }
  }

  /// Ends it well.
  public func finish() async throws {
    let rest = try state.withLock { state in
      guard case .streaming = state.stage else { throw Failure.misused }
      return state.cutter.finish()
    }
    if let rest { try await send(piece: rest) }
    try advance(from: .streaming, to: .over)
    try await send(.streamEnd(id))
  }

  private func send(piece: ByteBuffer) async throws {
    guard features.contains(.base64) || piece.isUTF8 else { throw Failure.binaryUnsupported }
    try await untilWanted(piece.readableBytes)
    try await send(.streamChunk(id, piece))
  }

  /// Says that nothing more will come, where something was still to come.
  func conclude() async {
    let stage = state.withLock { state in
      defer { state.stage = .over }
      return state.stage
    }
    switch stage {
    case .fresh: try? await send(.answer(Self.error(id, 502, "local_server_error")))
    case .streaming: if features.contains(.cancel) { try? await send(.cancel(id)) }
    case .over: break
    }
  }

  private func advance(from: Stage, to: Stage) throws {
    try state.withLock { state in
      switch (state.stage, from) {
      case (.fresh, .fresh), (.streaming, .streaming): state.stage = to
      default: throw Failure.misused
      }
    }
  }

  // MARK: Whoever reads

  /// Holds the stream until ``resume()``.
  func pause() { state.withLock { $0.isPaused = true } }

  func resume() { wake { $0.isPaused = false } }

  /// Lets the stream go on to here.
  func widen(to end: Int64) { wake { $0.window?.widen(to: end) } }

  /// Lets whoever waits look again.
  private func wake(_ change: (inout State) -> Void = { _ in }) {
    let waiting = state.withLock { state in
      change(&state)
      defer { state.waiting = nil }
      return state.waiting
    }
    waiting?.resume()
  }

  /// Waits until a piece may be sent.
  private func untilWanted(_ bytes: Int) async throws {
    try Task.checkCancellation()
    if state.withLock({ $0.claim(bytes) }) { return }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { [patience] in
        try await patience()
        throw Failure.unread
      }
      group.addTask { try await self.untilClaimed(bytes) }
      defer { group.cancelAll() }
      try await group.next()
    }
  }

  private func untilClaimed(_ bytes: Int) async throws {
    while true {
      try Task.checkCancellation()
      if state.withLock({ $0.claim(bytes) }) { return }
      await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
          let isHeld = state.withLock { state in
            guard !state.mayGoOn, !Task.isCancelled else { return false }
            state.waiting = continuation
            return true
          }
          if !isHeld { continuation.resume() }
        }
      } onCancel: {
        wake()
      }
    }
  }
}
