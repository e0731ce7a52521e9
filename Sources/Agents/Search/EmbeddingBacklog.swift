import Foundation
import Inference
import Logging
import Stores
import Synchronization

/// The texts of a store that are not embedded yet: worked off in the background, the latest first.
final class EmbeddingBacklog: Sendable {
  /// After a failure it is tried again after a second, then after twice as long, up to this.
  static let longestPause = Duration.seconds(300)

  private let store: any EmbeddableStore
  private let source: EmbeddingSource
  private let calls: AsyncStream<Void>
  private let caller: AsyncStream<Void>.Continuation
  private let lastFailure = Mutex<String?>(nil)
  /// Texts that the model finds no meaning in are not sent again before the next start.
  private let meaningless = Mutex<Set<UnembeddedText>>([])

  init(store: any EmbeddableStore, source: EmbeddingSource) {
    self.store = store
    self.source = source
    (calls, caller) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  /// Why the last attempt failed; nil where it did not.
  var failure: String? { lastFailure.withLock { $0 } }

  /// Has the backlog looked at again.
  func wake() { caller.yield() }

  /// Works until the task is cancelled. To be run once.
  func run(logger: Logger) async {
    guard let model = source.model else { return }
    wake()
    for await _ in calls {
      var pause = Duration.seconds(1)
      while !Task.isCancelled {
        do {
          guard try await embedBatch(by: model) else { break }
          pause = .seconds(1)
        } catch is CancellationError {
          return
        } catch {
          let reason = (error as? InferenceError)?.description ?? "\(error)"
          if lastFailure.withLock({ $0 }) != reason {
            logger.warning("texts could not be embedded", metadata: ["reason": "\(reason)"])
          }
          lastFailure.withLock { $0 = reason }
          guard (try? await Task.sleep(for: pause)) != nil else { return }
          pause = min(pause * 2, Self.longestPause)
        }
      }
    }
  }

  /// Embeds all that is left.
  /// - Throws: `InferenceError`.
  func workOff() async throws {
    guard let model = source.model else { return }
    while try await embedBatch(by: model) {}
  }

  /// Embeds the next few.
  /// - Returns: whether there may be more.
  private func embedBatch(by model: String) async throws -> Bool {
    let passed = meaningless.withLock { $0 }
    let waiting = try await store.unembedded(model: model, limit: EmbeddingSource.batch + passed.count)
      .filter { !passed.contains($0) }.prefix(EmbeddingSource.batch)
    guard !waiting.isEmpty else { return false }
    let embeddings = try await source.embed(waiting.map(\.text), by: model)
    var found: [(UnembeddedText, Embedding)] = []
    for (text, embedding) in zip(waiting, embeddings) {
      if let embedding {
        found.append((text, embedding))
      } else {
        meaningless.withLock { _ = $0.insert(text) }
      }
    }
    try await store.keep(found)
    lastFailure.withLock { $0 = nil }
    return true
  }
}
