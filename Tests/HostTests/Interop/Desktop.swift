import Foundation
import Subprocess
import SystemPackage

/// A session bus of the test's own with a desktop on it that shows notifications (Tests/Interop/osaurus_desktop.py), and
/// a person in front of it who does what the test says.
actor Desktop {
  /// Something that it was told.
  struct Message: Sendable, Decodable {
    var bus: String?
    /// The number of what is shown now.
    var shown: Int?
    var application: String?
    var summary: String?
    var body: String?
    var actions: [String]?
    var urgency: Int?
    var timeout: Int?
    /// The number of what it was asked to take away.
    var closed: Int?
  }

  struct Ended: Error {}

  /// The address of the bus.
  nonisolated let bus: String
  private var messages: AsyncStream<Message>.Iterator
  private let person: StandardInputWriter

  private init(bus: String, _ messages: AsyncStream<Message>.Iterator, _ person: StandardInputWriter) {
    self.bus = bus
    self.messages = messages
    self.person = person
  }

  /// Runs a desktop with these capabilities while `body` does.
  /// - Returns: what it was told that nobody asked about.
  @discardableResult
  static func run(
    _ capabilities: [String] = ["actions", "body", "body-markup"],
    _ body: @escaping @Sendable (Desktop) async throws -> Void
  ) async throws -> [Message] {
    let environment = SecondWire.environment.reduce(into: [Environment.Key: String]()) { all, variable in
      all[Environment.Key(stringLiteral: variable.key)] = variable.value
    }
    let ended = try await Subprocess.run(
      .path("/usr/bin/dbus-run-session"),
      arguments: Arguments(["--", "/usr/bin/python3", "-m", "osaurus_desktop"] + capabilities),
      environment: .custom(environment), input: .inputWriter, output: .sequence, error: .discarded
    ) { execution in
      let (messages, continuation) = AsyncStream.makeStream(of: Message.self)
      let lines = execution.standardOutput.strings()
      async let reading: Void = {
        defer { continuation.finish() }
        for try await line in lines {
          continuation.yield(try JSONDecoder().decode(Message.self, from: Data(line.utf8)))
        }
      }()
      var iterator = messages.makeAsyncIterator()
      guard let bus = await iterator.next()?.bus else { throw Ended() }
      let desktop = Desktop(bus: bus, iterator, execution.standardInputWriter)
      let result: Result<Void, any Error>
      do { result = .success(try await body(desktop)) } catch { result = .failure(error) }
      // It may have ended before.
      _ = try? await execution.standardInputWriter.finish()
      try await reading
      try result.get()
      return await desktop.rest()
    }
    return ended.closureResult
  }

  /// Waits for the next thing that it is told.
  func next() async throws -> Message {
    var iterator = messages
    guard let message = await iterator.next(isolation: self) else { throw Ended() }
    return message
  }

  private func rest() async -> [Message] {
    var rest: [Message] = []
    while let message = try? await next() { rest.append(message) }
    return rest
  }

  func press(_ action: String, of notification: Int) async throws {
    _ = try await person.write("press \(notification) \(action)\n")
  }

  func dismiss(_ notification: Int) async throws { _ = try await person.write("dismiss \(notification)\n") }

  /// Ends it, as a crash would.
  func quit() async throws { _ = try await person.write("quit\n") }
}
