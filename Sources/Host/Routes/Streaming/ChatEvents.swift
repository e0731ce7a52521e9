import Inference
import NIOCore

/// Turns a model's answer into the events of one stream: the role, what the model says as it says it, why it
/// ended, what it cost if that was asked for, and `[DONE]`. An answer that is cut ends with an error and `[DONE]`, and
/// without a reason. (spec/02, C11)
struct ChatEvents: Sendable {
  let encoder: ChatEventEncoder
  var wantsUsage = false

  func send<Chunks: AsyncSequence & Sendable>(_ answer: Chunks, to outbox: StreamOutbox) async
  where Chunks.Element == ChatChunk {
    do {
      try await outbox.write { encoder.writeStart(to: &$0) }
      var finishReason: String?
      var usage: Usage?
      for try await chunk in answer {
        finishReason = chunk.finishReason ?? finishReason
        usage = chunk.usage ?? usage
        guard let delta = chunk.delta else { continue }
        try await outbox.write { encoder.writeDelta(delta, to: &$0) }
      }
      try await outbox.write { [finishReason, usage] buffer in
        encoder.writeDelta(.init(), finishReason: finishReason ?? "stop", to: &buffer)
        if wantsUsage, let usage { encoder.writeUsage(usage, to: &buffer) }
        ChatEventEncoder.writeDone(to: &buffer)
      }
    } catch {
      await Self.sendFailure(error, to: outbox)
    }
  }

  static func sendFailure(_ error: any Error, to outbox: StreamOutbox) async {
    // Where nobody reads any more, there is nobody to tell.
    if error is CancellationError || Task.isCancelled { return }
    let failure = RequestFailure(error)
    try? await outbox.write { buffer in
      ChatEventEncoder.writeError(failure.message, type: failure.type, to: &buffer)
      ChatEventEncoder.writeDone(to: &buffer)
    }
  }
}
