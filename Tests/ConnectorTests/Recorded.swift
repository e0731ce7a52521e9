import Synchronization

/// Keeps the frames of one answer and puts them in the place of those of the next.
final class Recorded: Sendable {
  private let frames = Mutex<[Int: [UInt8]]>([:])

  func firstAnswer(at index: Int, _ frame: [UInt8]) -> [UInt8] {
    frames.withLock { frames in
      let kept = frames[index] ?? frame
      frames[index] = kept
      return kept
    }
  }
}
