/// Lets so many calls of a session be under way at a time, from their sealing to the head of the answer.
///
/// Calls travel on many connections and arrive in any order. The peer's replay window forgives 64 places; with
/// fewer calls than that between sealing and answer, none falls out of it.
actor SendingPlaces {
  private var free: Int
  private var waiting: [(ticket: Int, continuation: CheckedContinuation<Void, any Error>)] = []
  private var lastTicket = 0

  init(_ count: Int) { free = count }

  /// Runs `body` when there is a place for it, in the order of asking.
  /// - Throws: `CancellationError`, or what `body` throws.
  nonisolated func use<R: Sendable>(_ body: @Sendable () async throws -> R) async throws -> R {
    try await enter()
    do {
      let result = try await body()
      await leave()
      return result
    } catch {
      await leave()
      throw error
    }
  }

  private func enter() async throws {
    try Task.checkCancellation()
    if free > 0 {
      free -= 1
      return
    }
    lastTicket += 1
    let ticket = lastTicket
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
        if Task.isCancelled {
          continuation.resume(throwing: CancellationError())
        } else {
          waiting.append((ticket, continuation))
        }
      }
    } onCancel: {
      Task { await self.giveUp(ticket) }
    }
  }

  private func leave() {
    guard waiting.isEmpty else {
      waiting.removeFirst().continuation.resume()
      return
    }
    free += 1
  }

  private func giveUp(_ ticket: Int) {
    guard let index = waiting.firstIndex(where: { $0.ticket == ticket }) else { return }
    waiting.remove(at: index).continuation.resume(throwing: CancellationError())
  }
}
