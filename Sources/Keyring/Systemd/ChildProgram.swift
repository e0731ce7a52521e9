import Foundation
import SecretMemory

#if canImport(Glibc)
  import Glibc
#endif

/// A program of the system that secrets are given to and taken from, through pipes alone.
struct ChildProgram {
  /// The most bytes that it may answer, in bytes.
  static let limit = 64 * 1024
  /// What of the environment it is given.
  private static let passed = [
    "PATH", "SYSTEMD_CREDENTIAL_SECRET", "SYSTEMD_TPM2_DEVICE", "TPM2TOOLS_TCTI", "XDG_RUNTIME_DIR",
  ]

  struct Outcome: ~Copyable {
    let status: Int32
    let output: SecretBytes
    /// The last line of what it said beside.
    let words: String
  }

  let path: String

  /// The program of this name in the system's folders; nil where it is not installed.
  init?(_ name: String) {
    let places = ["/usr/bin/\(name)", "/bin/\(name)"]
    guard let path = places.first(where: { FileManager.default.isExecutableFile(atPath: $0) }) else {
      return nil
    }
    self.path = path
  }

  /// Runs it to its end.
  /// - Throws: ``KeyringError/programTimedOut(_:)``, ``KeyringError/programFailed(_:reason:)``.
  func run(
    _ arguments: [String], input: borrowing SecretBytes, patience: Duration
  ) throws(KeyringError) -> Outcome {
    let name = URL(filePath: path).lastPathComponent
    let (stdout, stderr) = (Pipe(), Pipe())
    let process = Process()
    process.executableURL = URL(filePath: path)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.filter { Self.passed.contains($0.key) }
    guard let stdin = Self.filled(with: input) else {
      throw .programFailed(name, reason: "the system gave no pipe")
    }
    process.standardInput = stdin
    process.standardOutput = stdout
    process.standardError = stderr
    do {
      try process.run()
    } catch {
      throw .programFailed(name, reason: error.localizedDescription)
    }
    let deadline = ContinuousClock.now + patience
    var output = Drain(descriptor: stdout.fileHandleForReading.fileDescriptor, limit: Self.limit)
    var words = Drain(descriptor: stderr.fileHandleForReading.fileDescriptor, limit: Self.limit)
    let isDone = Drain.both(&output, &words, until: deadline)
    if !isDone { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
    let secret = output.take()
    let said = String(decoding: words.bytes, as: UTF8.self).split(separator: "\n").last.map(String.init)
    guard isDone else { throw .programTimedOut(name) }
    guard process.terminationReason == .exit else {
      throw .programFailed(name, reason: "it was ended by a signal")
    }
    return Outcome(status: process.terminationStatus, output: secret, words: said ?? "")
  }

  /// The reading end of a pipe that holds all of a secret. Nobody has to wait for the program to read it, or is ended by
  /// a signal because it does not.
  private static func filled(with input: borrowing SecretBytes) -> FileHandle? {
    let pipe = Pipe()
    let descriptor = pipe.fileHandleForWriting.fileDescriptor
    guard fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0 else { return nil }
    let isWhole = input.withUnsafeBytes { bytes in
      bytes.isEmpty || write(descriptor, bytes.baseAddress, bytes.count) == bytes.count
    }
    try? pipe.fileHandleForWriting.close()
    return isWhole ? pipe.fileHandleForReading : nil
  }
}

/// What comes through a pipe, in memory of a fixed size that is wiped.
private struct Drain {
  private var buffer: [UInt8]
  private var count = 0
  private var descriptor: Int32

  init(descriptor: Int32, limit: Int) {
    self.descriptor = descriptor
    buffer = [UInt8](repeating: 0, count: limit)
  }

  var bytes: ArraySlice<UInt8> { buffer[..<count] }

  /// What came, out of here.
  mutating func take() -> SecretBytes {
    defer { wipe(&buffer) }
    return SecretBytes(count: count) { $0.copyBytes(from: buffer[..<count]) }
  }

  /// Reads both until their ends; false when they have none in time, or are too long.
  static func both(_ first: inout Drain, _ second: inout Drain, until deadline: ContinuousClock.Instant)
    -> Bool
  {
    while first.descriptor >= 0 || second.descriptor >= 0 {
      let left = (deadline - ContinuousClock.now) / .milliseconds(1)
      guard left > 0 else { return false }
      var waiting = [
        pollfd(fd: first.descriptor, events: Int16(POLLIN), revents: 0),
        pollfd(fd: second.descriptor, events: Int16(POLLIN), revents: 0),
      ]
      guard poll(&waiting, 2, Int32(min(left.rounded(.up), 1_000_000))) >= 0 || errno == EINTR else {
        return false
      }
      if waiting[0].revents != 0, !first.fill() { return false }
      if waiting[1].revents != 0, !second.fill() { return false }
    }
    return true
  }

  /// False when there is more than there may be.
  private mutating func fill() -> Bool {
    guard count < buffer.count else { return false }
    let (descriptor, start) = (descriptor, count)
    let got = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress! + start, $0.count - start) }
    if got > 0 { count += got } else if got == 0 || errno != EINTR { self.descriptor = -1 }
    return true
  }
}
