import ArgumentParser
import Dispatch
import Foundation
import Glibc
import Host
import Synchronization

extension StorageCommand {
  /// `storage rotate-key`: a fresh data key for everything that is stored.
  struct RotateKey: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "rotate-key",
      abstract: "Put everything that is stored under a fresh data key.",
      discussion: """
        Example: osaurus-host storage rotate-key --dry-run

        It works with the service running or stopped. While it goes on, everything can be read; what is to be written \
        waits while databases are copied. It takes as much room again as what is stored. Ctrl-C takes everything back \
        until the last moment; after a crash the next start, or the same command, does what is left.

        All key slots open the new key, and nobody is asked for words or passphrases. Copies of the data folder that \
        were made before still open with the old key, and with the keyslots.json that is in them.
        """)

    @Flag(help: "Only say how much there is.") var dryRun = false
    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let folders = try OpenHost.folders()
      let rotation = KeyRotation(folders: folders)
      let extent = try rotation.extent()
      if dryRun {
        if output.json { return Terminal.say(try JSONText.encode(extent)) }
        return Self.tell(extent)
      }
      if !output.json { Self.tell(extent) }
      try Terminal.confirm("Replace the data key?", assumingYes: confirmation.yes)
      let line = ProgressLine(isQuiet: output.json || !Terminal.isDecorated(.error))
      let interrupt = Interrupt()
      let outcome: KeyRotation.Outcome
      do {
        outcome =
          if let served = try await Owner.ifServed({ try await Self.rotate($0, line, interrupt) }) {
            served
          } else {
            try await Self.rotate(rotation, line, interrupt)
          }
      } catch {
        line.clear()
        throw error
      }
      line.clear()
      if output.json { return Terminal.say(try JSONText.encode(outcome)) }
      Terminal.say(
        outcome.wasInterrupted
          ? "What an earlier attempt had left to do is done: everything is under a new data key, \(outcome.generation)."
          : "Everything is under a new data key, generation \(outcome.generation).")
      Terminal.say(
        outcome.slots.isEmpty
          ? "No key slot opens it: \(WaysBack.remedy)" : "It is opened by: \(WaysBack.words(outcome.slots)).")
      Terminal.say(
        "Copies of the data folder that were made before still open with the old key and their own keyslots.json."
      )
    }

    private static func tell(_ extent: KeyRotation.Extent) {
      func size(_ bytes: Int) -> String { Status.size(bytes) }
      Terminal.say("databases    \(extent.databases), \(size(extent.databaseBytes))")
      Terminal.say("attachments  \(extent.blobs), \(size(extent.blobBytes))")
      Terminal.say(
        "room         \(size(extent.neededBytes)) needed meanwhile, \(size(extent.freeBytes)) free")
      Terminal.say(
        "key slots    \(extent.slots.isEmpty ? "none" : "\(WaysBack.words(extent.slots)); all will open the new key")"
      )
      if !extent.quarantine.isEmpty {
        Terminal.say(
          "moved aside  \(extent.quarantine.count); stays under the old key, and will not open any more")
      }
      if extent.isInterrupted {
        Terminal.say("             an earlier attempt was interrupted; this one goes on with it")
      }
    }

    /// In this process, while no service runs.
    private static func rotate(
      _ rotation: KeyRotation, _ line: ProgressLine, _ interrupt: Interrupt
    ) async throws -> KeyRotation.Outcome {
      let shown = Mutex(-1)
      let progress = RotationProgress { state in
        let isNew = shown.withLock { last in
          defer { last = state.percent }
          return last != state.percent
        }
        if isNew { line.show(Self.bar(state.percent, state.phase.rawValue)) }
      }
      interrupt.pressed.act { progress.cancel() }
      return try await rotation.run(progress)
    }

    /// In the service.
    private static func rotate(
      _ owner: Owner, _ line: ProgressLine, _ interrupt: Interrupt
    ) async throws -> KeyRotation.Outcome {
      struct Status: Decodable {
        let isRunning: Bool
        let phase: RotationProgress.Phase?
        let percent: Int?
        let outcome: KeyRotation.Outcome?
        let failure: String?
      }
      _ = try await owner.send("POST", "/control/storage/rotation")
      var isTakenBack = false
      while true {
        let status = try await owner.send("GET", "/control/storage/rotation").decoded(Status.self)
        guard status.isRunning else {
          if let outcome = status.outcome { return outcome }
          throw CommandFailure(
            .failed, isTakenBack ? "rotation_cancelled" : "rotation_failed",
            status.failure ?? "The service did not say how it ended.")
        }
        line.show(bar(status.percent ?? 0, status.phase?.rawValue ?? ""))
        if interrupt.pressed.isPressed, !isTakenBack {
          isTakenBack = true
          _ = try await owner.send("DELETE", "/control/storage/rotation")
        } else {
          try await Task.sleep(for: .milliseconds(100))
        }
      }
    }

    private static func bar(_ percent: Int, _ phase: String) -> String {
      let filled = percent * 30 / 100
      return String(repeating: "#", count: filled) + String(repeating: ".", count: 30 - filled)
        + " \(percent)%  \(phase)"
    }
  }
}

/// Ctrl-C and the like, which do not end this command but what it has begun.
private final class Interrupt {
  /// Whether they came, and what is done then.
  final class Pressed: Sendable {
    private struct State {
      var isPressed = false
      var action: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    var isPressed: Bool { state.withLock { $0.isPressed } }

    func act(_ action: @escaping @Sendable () -> Void) {
      let isPressed = state.withLock { state in
        state.action = action
        return state.isPressed
      }
      if isPressed { action() }
    }

    fileprivate func press() {
      let action = state.withLock { state in
        state.isPressed = true
        return state.action
      }
      action?()
    }
  }

  let pressed = Pressed()
  private let sources: [any DispatchSourceSignal]

  init() {
    sources = [SIGINT, SIGTERM].map { number in
      signal(number, SIG_IGN)
      return DispatchSource.makeSignalSource(signal: number, queue: .global())
    }
    for source in sources {
      source.setEventHandler { [pressed] in pressed.press() }
      source.resume()
    }
  }
}
