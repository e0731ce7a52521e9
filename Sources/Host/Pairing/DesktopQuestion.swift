import CNotifications
import Synchronization

/// A question with two buttons on the desktop of whoever runs this, where the session has one that shows such.
struct DesktopQuestion: Hashable, Sendable {
  let title: String
  let text: String
  /// What stands on the buttons.
  let first: String
  let second: String

  enum Answer: Hashable, Sendable {
    case first
    case second
    /// Nobody said anything; perhaps nobody could be asked.
    case none
  }

  /// Asks, and waits for the answer. When the task is cancelled the question goes.
  /// - Parameter shown: told when a person can see it.
  func ask(shown: @escaping @Sendable () -> Void) async -> Answer {
    let asked = AskedQuestion(shown)
    return await withTaskCancellationHandler {
      await withCheckedContinuation { asked.begin(self, $0) }
    } onCancel: {
      asked.withdraw()
    }
  }
}

/// A question from its asking to its answer.
private final class AskedQuestion: Sendable {
  private struct State {
    var handle: OpaquePointer?
    var isWithdrawn = false
    var asker: CheckedContinuation<DesktopQuestion.Answer, Never>?
  }

  private let shown: @Sendable () -> Void
  private let state = Mutex(State())

  init(_ shown: @escaping @Sendable () -> Void) { self.shown = shown }

  func begin(_ question: DesktopQuestion, _ asker: CheckedContinuation<DesktopQuestion.Answer, Never>) {
    let isOver = state.withLock { state in
      if state.isWithdrawn { return true }
      state.asker = asker
      state.handle = start(question)
      return false
    }
    if isOver { asker.resume(returning: .none) }
  }

  private func start(_ question: DesktopQuestion) -> OpaquePointer? {
    var receiver = osr_question_receiver(
      context: Unmanaged.passRetained(self).toOpaque(),
      shown: { Unmanaged<AskedQuestion>.fromOpaque($0!).takeUnretainedValue().shown() },
      ended: { Unmanaged<AskedQuestion>.fromOpaque($0!).takeRetainedValue().end($1) })
    return osr_question_ask(
      "Osaurus", "dialog-password", question.title, question.text, question.first, question.second, &receiver)
  }

  func withdraw() {
    state.withLock { state in
      state.isWithdrawn = true
      if let handle = state.handle { osr_question_withdraw(handle) }
    }
  }

  private func end(_ end: osr_question_end) {
    let asker = state.withLock { state in
      if let handle = state.handle { osr_question_release(handle) }
      state.handle = nil
      defer { state.asker = nil }
      return state.asker
    }
    switch end {
    case OSR_QUESTION_FIRST: asker?.resume(returning: .first)
    case OSR_QUESTION_SECOND: asker?.resume(returning: .second)
    default: asker?.resume(returning: .none)
    }
  }
}
