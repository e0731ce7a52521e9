import Foundation

/// How what waits for the owner's word is shown.
enum RequestManner: Sendable {
  /// With a question.
  case asking
  /// With the command that answers it.
  case telling
  /// An object a line.
  case json

  init(_ output: OutputOptions) {
    self = output.json ? .json : Terminal.inputIsTerminal ? .asking : .telling
  }
}

/// A listing of what waits for the owner's word.
struct RequestList<Request: Decodable & Sendable>: Decodable, Sendable {
  /// Names it, for who wants the next one.
  let revision: UInt64
  let requests: [Request]
}

/// What waits for the owner's word as it changes, and what the owner types meanwhile.
struct RequestFeed<Request: Decodable & Sendable>: Sendable {
  enum Event: Sendable {
    /// What waits now.
    case waiting([Request])
    /// A line that was typed.
    case line(String)
  }

  private enum Step: Sendable {
    case event(Event)
    case inputEnded
    case failed(any Error)
  }

  let owner: Owner
  /// Where `requests` and `changes` are below.
  let path: String

  /// Hands on everything that happens, until the input ends, where it is read, or the service.
  func follow(readingLines: Bool, _ body: (Event) async throws -> Void) async throws {
    let (steps, continuation) = AsyncStream<Step>.makeStream()
    let polling = Task {
      do {
        var list = try await list("/requests")
        while !Task.isCancelled {
          continuation.yield(.event(.waiting(list.requests)))
          list = try await self.list("/changes?after=\(list.revision)")
        }
      } catch {
        continuation.yield(.failed(error))
      }
    }
    let reading = Task {
      guard readingLines else { return }
      for await line in TypedLines.stream() { continuation.yield(.event(.line(line))) }
      if !Task.isCancelled { continuation.yield(.inputEnded) }
    }
    defer {
      polling.cancel()
      reading.cancel()
    }
    for await step in steps {
      switch step {
      case .event(let event): try await body(event)
      case .inputEnded: return
      case .failed(let error): throw error is CommandFailure ? error : CommandFailure.serviceNotRunning
      }
    }
    try Task.checkCancellation()
  }

  private func list(_ place: String) async throws -> RequestList<Request> {
    try await owner.send("GET", path + place).decoded(RequestList<Request>.self)
  }
}
