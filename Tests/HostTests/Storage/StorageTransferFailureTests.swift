import Foundation
import Identity
import Keyring
import Storage
import Stores
import SystemPackage
import TestSupport
import Testing

@testable import Host

@Suite("Exports and imports that come to an end too soon", .timeLimit(.minutes(60)))
struct StorageTransferFailureTests {
  @Test("an export that is cancelled anywhere leaves nothing", arguments: ["out", "out.tar"])
  func cancelledExport(name: String) async throws {
    let host = try await FilledHost()
    let storage = host.storage
    let path = host.home.path + "/" + name
    for stop in 0..<7 {
      let task = Task {
        try StorageExport(storage).run(to: path, form: .init(path: path), passphrase: nil) { step in
          if step.done == stop { withUnsafeCurrentTask { $0?.cancel() } }
        }
      }
      await #expect(throws: CancellationError.self) { _ = try await task.value }
      for left in [path, path + ExportTarget.unfinished, host.folders.data.path + "/export"] {
        #expect(!FileManager.default.fileExists(atPath: left), "\(left) after \(stop)")
      }
    }
    _ = try host.export(name)
  }

  @Test(
    "Ctrl-C at any moment of an export leaves the whole of it, or nothing", arguments: ["out", "out.tar"])
  func interrupted(name: String) async throws {
    let host = try await FilledHost()
    let program = Program(home: host.home.path)
    let path = host.home.path + "/" + name
    for seed in Rounds.seeds(few: 6, many: 200) {
      var generator = SeededGenerator(seed: seed)
      let limit = String(format: "%.4f", Double.random(in: 0.01...0.5, using: &generator))
      try Self.run(program, "INT", after: limit, ["storage", "export", path, "--yes"])
      #expect(!FileManager.default.fileExists(atPath: path + ExportTarget.unfinished), "\(seed)")
      #expect(!FileManager.default.fileExists(atPath: host.folders.data.path + "/export"), "\(seed)")
      if FileManager.default.fileExists(atPath: path) {
        _ = try StorageImport.check(path, passphrase: nil, in: host.home.folders.data)
        try FileManager.default.removeItem(atPath: path)
      }
    }
  }

  /// Runs the program, and sends it a signal after so many seconds.
  private static func run(
    _ program: Program, _ signal: String, after limit: String, _ arguments: [String]
  ) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/timeout")
    process.arguments = ["--signal=\(signal)", limit, try Program.executable.string] + arguments
    process.environment = program.variables()
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
  }

  @Test("an import that is cancelled anywhere leaves the host as it was")
  func cancelledImport() async throws {
    let host = try await FilledHost()
    let path = try host.export("out.tar")
    let home = TemporaryHome()
    let settings = try await FilledHost.fresh(home, words: host.words)
    let folders = home.folders
    for stop in 0..<12 {
      let task = Task {
        try StorageImport(folders: folders).run(path, settings: settings, passphrase: nil) { step in
          if step.done == stop { withUnsafeCurrentTask { $0?.cancel() } }
        }
      }
      await #expect(throws: CancellationError.self) { _ = try await task.value }
      #expect(!FileManager.default.fileExists(atPath: folders.data.path + "/" + ImportSwitch.building))
    }
    try await FilledHost.expectNothing(in: folders)
  }

  @Test("a process that is killed at any moment of an import leaves the host as it was, or with everything")
  func killed() async throws {
    let host = try await FilledHost()
    let path = try host.export("out.tar")
    let fresh = TemporaryHome()
    _ = try await FilledHost.fresh(fresh, words: host.words)
    let places = TemporaryHome()
    func copy(_ name: String) throws -> Program {
      try FileManager.default.copyItem(atPath: fresh.path, toPath: "\(places.path)/\(name)")
      return Program(home: "\(places.path)/\(name)")
    }
    // How long it takes as a whole says among which moments to choose.
    let began = ContinuousClock.now
    let whole = try copy("whole")
    let outcome = try await whole("storage", "import", path, "--yes")
    try #require(outcome.status == 0, "\(outcome.errors)")
    try await host.expectEverything(in: HostFolders(home: URL(filePath: whole.home)))
    let length = (ContinuousClock.now - began) / .seconds(1)
    var ends = (before: 0, after: 0)
    for seed in Rounds.seeds(few: 10, many: 220) {
      var generator = SeededGenerator(seed: seed)
      let program = try copy("\(seed)")
      let limit = String(format: "%.4f", Double.random(in: 0.01...length, using: &generator))
      try Self.run(program, "KILL", after: limit, ["storage", "import", path, "--yes"])
      let folders = HostFolders(home: URL(filePath: program.home))
      let settings = try HostSettings.load(folders: folders)
      let services = try await HostServices.open(folders: folders, settings: settings, logger: .quiet)
      let isEmpty = try await services.agents.list().isEmpty
      await services.shutdown()
      if isEmpty {
        try await FilledHost.expectNothing(in: folders)
        ends.before += 1
      } else {
        try await host.expectEverything(in: folders)
        ends.after += 1
      }
      try FileManager.default.removeItem(atPath: program.home)
    }
    print("killed imports: \(ends.before) left the host as it was, \(ends.after) with everything")
  }
}

@Suite(
  "Exports and imports on a full disk",
  .enabled(if: SmallDisk.isWanted, Comment(rawValue: SmallDisk.isMissing)), .timeLimit(.minutes(10)))
struct FullDiskTests {
  @Test("an export to a full disk says so and leaves nothing", arguments: ["out", "out.tar", "out.tar.age"])
  func export(name: String) async throws {
    let host = try await FilledHost()
    let disk = try SmallDisk(kibibytes: 4096)
    for room in [0, 8_000, 100_000, 200_000, 300_000] {
      try disk.fill(leaving: room)
      let path = disk.folder.path + "/" + name
      #expect("\(room)") {
        _ = try StorageExport(host.storage).run(
          to: path, form: .init(path: path),
          passphrase: name.hasSuffix(".age") ? FilledHost.secret("five random words") : nil)
      } throws: { error in
        "\(error)".contains("No space left on device")
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: disk.folder.path) == ["filling"])
      disk.empty()
    }
  }

  @Test("an import, or an export's work in between, on a full disk says so and leaves the host as it was")
  func importing() async throws {
    let host = try await FilledHost()
    let path = try host.export("out.tar")
    let disk = try SmallDisk(kibibytes: 8192)
    let folders = HostFolders(home: URL(filePath: disk.folder.path + "/h"))
    _ = try await HostInitialiser(folders: folders).initialise(
      keyStore: .file, from: try .init(parsing: host.words), oldKeys: .keep)
    let settings = try HostSettings.load(folders: folders)
    for room in [0, 20_000, 100_000, 200_000, 300_000, 400_000, 500_000] {
      try disk.fill(leaving: room)
      #expect("\(room)") {
        _ = try StorageImport(folders: folders).run(path, settings: settings, passphrase: nil)
      } throws: { error in
        "\(error)".contains("No space left on device") || "\(error)".contains("full")
      }
      #expect(!FileManager.default.fileExists(atPath: folders.data.path + "/" + ImportSwitch.building))
      disk.empty()
      try await FilledHost.expectNothing(in: folders)
    }
    _ = try StorageImport(folders: folders).run(path, settings: settings, passphrase: nil)
    try await host.expectEverything(in: folders)
    try disk.fill(leaving: 50_000)
    #expect(throws: (any Error).self) {
      _ = try StorageExport(HostStorage(folders: folders, settings: settings)).run(
        to: host.home.path + "/elsewhere", form: .folder, passphrase: nil)
    }
    #expect(!FileManager.default.fileExists(atPath: folders.data.path + "/export"))
    #expect(!FileManager.default.fileExists(atPath: host.home.path + "/elsewhere.partial"))
  }
}
