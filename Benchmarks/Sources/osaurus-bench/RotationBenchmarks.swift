import Foundation
import GRDB
import Glibc
import Host
import Keyring
import SecretMemory
import Storage

/// Everything that is stored put under a fresh data key, against a plain copy of the same bytes.
enum RotationBenchmarks {
  static let all: [Benchmark] = [
    Benchmark("rotate-key-databases") {
      $0.measurements.append(try await rotate(name: "databases, 256 MiB", databases: 256, blobs: 0))
    },
    Benchmark("rotate-key-attachments") {
      $0.measurements.append(try await rotate(name: "attachments of 1 MiB, 256", databases: 0, blobs: 256))
    },
    Benchmark("rotate-key-mixed") {
      $0.measurements.append(
        try await rotate(name: "128 MiB of databases, 128 attachments of 1 MiB", databases: 128, blobs: 128))
    },
  ]

  /// - Parameters:
  ///   - databases: how many MiB are in a database.
  ///   - blobs: how many attachments of 1 MiB there are.
  private static func rotate(name: String, databases: Int, blobs: Int) async throws -> Measurement {
    let home = FileManager.default.temporaryDirectory.appending(path: "osaurus-bench-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: home) }
    let folders = HostFolders(home: home)
    _ = try await HostInitialiser(folders: folders).initialise(keyStore: .file)
    try fill(folders, databases: databases, blobs: blobs)
    var (ours, plain): ([Double], [Double]) = ([], [])
    for _ in 0..<5 {
      let bytes = try KeyRotation(folders: folders).extent().bytes
      let clock = ContinuousClock()
      let copying = try clock.measure { try copy(folders.data, to: home.appending(path: "copy")) }
      try FileManager.default.removeItem(at: home.appending(path: "copy"))
      let started = clock.now
      _ = try await KeyRotation(folders: folders).run()
      let rotating = clock.now - started
      ours.append(Double(bytes) / seconds(rotating) / 1e6)
      plain.append(Double(bytes) / seconds(copying) / 1e6)
    }
    let (mine, theirs) = (SideBySide.median(ours), SideBySide.median(plain))
    return Measurement(
      name: "everything under a fresh data key: \(name)", ours: mine, alternative: theirs,
      alternativeName: "a plain copy, synchronised", unit: "MB/s", ratio: mine / theirs, direction: .atLeast,
      floor: 0.3)
  }

  private static func seconds(_ duration: Duration) -> Double {
    Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
  }

  private static func fill(_ folders: HostFolders, databases: Int, blobs: Int) throws {
    guard let bytes = try FileKeyStore(file: folders.keyFile).load(.dataKey) else { return }
    let key = try DataKey(bytes)
    let store = BlobStore(folders: folders, key: key)
    for number in 0..<blobs {
      try store.place(store.stage(Data((0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ number) })))
    }
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1") {
      try $0.execute(sql: "CREATE TABLE t (id INTEGER PRIMARY KEY, a BLOB)")
    }
    let pool = try EncryptedDatabase.open(.agent(UUID()), in: folders, key: key, migrator: migrator)
    for _ in 0..<databases {
      try pool.write { database in
        for _ in 0..<64 {
          try database.execute(sql: "INSERT INTO t (a) VALUES (randomblob(16100))")
        }
      }
    }
    EncryptedDatabase.close(pool)
  }

  /// Copies every file of a folder, each of which outlives a power cut then.
  private static func copy(_ source: URL, to target: URL) throws {
    for path in try FileManager.default.subpathsOfDirectory(atPath: source.path) {
      let (from, to) = (source.appending(path: path), target.appending(path: path))
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: from.path, isDirectory: &isFolder), !isFolder.boolValue
      else { continue }
      try FileManager.default.createDirectory(
        at: to.deletingLastPathComponent(), withIntermediateDirectories: true)
      let input = open(from.path, O_RDONLY)
      let output = open(to.path, O_CREAT | O_WRONLY, 0o600)
      defer {
        close(input)
        close(output)
      }
      var buffer = [UInt8](repeating: 0, count: 1 << 17)
      while true {
        let count = read(input, &buffer, buffer.count)
        guard count > 0 else { break }
        _ = write(output, buffer, count)
      }
      fsync(output)
    }
  }
}
