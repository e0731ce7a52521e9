import Foundation

/// A real relay of its own on loopback, which lets one machine do as much as it likes.
final class RelayProcess {
  /// Where hosts go.
  let url: String
  private let process: Process

  /// Beside the host's program, or where `OSAURUS_RELAY_PROGRAM` says.
  static var program: String {
    ProcessInfo.processInfo.environment["OSAURUS_RELAY_PROGRAM"]
      ?? URL(filePath: ServerBenchmarks.program).deletingLastPathComponent()
      .appending(path: "osaurus-relay").path
  }

  init() throws {
    let process = Process()
    process.executableURL = URL(filePath: Self.program)
    process.arguments =
      ["serve", "--domain", "127.0.0.1", "--port", "0", "--json"]
      + [
        "connects-per-minute", "requests-per-minute", "tunnels-per-source", "tunnels",
        "connections-per-source", "connections", "control-frames-per-minute",
      ].flatMap { ["--limit", "\($0)=1000000"] }
    let said = Pipe()
    process.standardOutput = said
    process.standardError = FileHandle.nullDevice
    try process.run()
    struct Place: Decodable { let port: Int }
    guard let place = try? JSONDecoder().decode(Place.self, from: said.fileHandleForReading.availableData)
    else {
      process.terminate()
      throw HostProcess.Failure(text: "\(Self.program) did not start")
    }
    url = "ws://127.0.0.1:\(place.port)"
    self.process = process
  }

  /// Memory that is really there, in MiB.
  var residentMemory: Double { process.residentMemory }

  func stop() {
    process.terminate()
    process.waitUntilExit()
  }
}
