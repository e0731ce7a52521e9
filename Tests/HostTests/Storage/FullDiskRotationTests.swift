import Foundation
import Keyring
import Storage
import Synchronization
import TestSupport
import Testing

@testable import Host

/// A disk that had room enough at the beginning, and is full from one of the steps on.
@Suite(
  "Exchanging the data key on a disk that fills up",
  .enabled(if: SmallDisk.isWanted, Comment(rawValue: SmallDisk.isMissing)), .timeLimit(.minutes(10)))
struct FullDiskRotationTests {
  /// Fills the disk when the rotation comes to a place, and counts the places.
  private final class Filling: Sendable {
    private let disk: SmallDisk
    private let left: Mutex<Int>
    private let passed = Mutex<[KeyRotation.Step]>([])

    init(_ disk: SmallDisk, after steps: Int) {
      self.disk = disk
      left = Mutex(steps)
    }

    var steps: [KeyRotation.Step] { passed.withLock { $0 } }

    @Sendable func reached(_ step: KeyRotation.Step) throws {
      passed.withLock { $0.append(step) }
      let isHere = left.withLock { left in
        left -= 1
        return left == -1
      }
      if isHere { try disk.fill() }
    }
  }

  /// Room for everything twice, and for what a rotation wants to have spare.
  private static func disk() throws -> SmallDisk { try SmallDisk(kibibytes: 48 << 10) }

  @Test("wherever it fills up, nothing is lost, one key opens everything, and it is done when there is room")
  func everyStep() async throws {
    let before: [String]
    let count: Int
    do {
      let disk = try Self.disk()
      let host = try await RotatedStore(in: disk.folder.path)
      before = try await host.content()
      let whole = Filling(disk, after: .max)
      _ = try await KeyRotation(folders: host.folders, reached: whole.reached).run()
      count = whole.steps.count
    }
    #expect(count > 25)
    var (failed, unfinished, done) = (0, 0, 0)
    for place in 0..<count {
      let disk = try Self.disk()
      let host = try await RotatedStore(in: disk.folder.path)
      let filling = Filling(disk, after: place)
      var generation: String?
      do {
        generation = try await KeyRotation(folders: host.folders, reached: filling.reached).run().generation
        done += 1
      } catch HostError.rotationFailed {
        generation = host.first.generation.description
        failed += 1
      } catch HostError.rotationUnfinished {
        unfinished += 1
      }
      // A start while it is full may be refused, and harms nothing.
      if let services = try? await host.services() { await services.shutdown() }
      disk.empty()
      let services = try await host.services()
      await services.shutdown()
      let now = try host.storage().key.generation.description
      #expect(generation == nil || generation == now, "\(filling.steps.last.map { "\($0)" } ?? "")")
      try await host.expectWhole(before, under: now)
      #expect(try host.items() == ["data-key", "master-key"])
      let second = try await KeyRotation(folders: host.folders).run()
      try await host.expectWhole(before, under: second.generation)
      #expect(try host.slotsOpen().allSatisfy { $0.generation.description == second.generation })
    }
    // Both sides of the turning point were met.
    #expect(failed > 8 && unfinished + done > 8, "\(failed) failed, \(unfinished) unfinished, \(done) done")
  }
}
