import Crypto
import Foundation
import GRDB
import Keyring
import Storage

/// What is stored: opening it, and sealing files against the cipher inside them.
enum StorageBenchmarks {
  static let all: [Benchmark] = [
    Benchmark("open-databases") { $0.readings.append(try open()) },
    Benchmark("seal-file-64-KiB") {
      $0.measurements.append(try seal(name: "64 KiB", size: 64 << 10, calls: 8))
    },
    Benchmark("seal-file-4-MiB") { $0.measurements.append(try seal(name: "4 MiB", size: 4 << 20, calls: 2)) },
    Benchmark("open-file-4-MiB") {
      $0.measurements.append(try unseal(name: "4 MiB", size: 4 << 20, calls: 4))
    },
  ]

  /// A data folder that is gone afterwards.
  private static func withFolders<R>(_ body: (HostFolders) throws -> R) throws -> R {
    let home = FileManager.default.temporaryDirectory.appending(path: "osaurus-bench-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: home) }
    let folders = HostFolders(home: home)
    try folders.create()
    return try body(folders)
  }

  /// Every database that a host has one of, and ten of agents and plugins each, which are there and closed.
  private static func open() throws -> Report.Reading {
    try withFolders { folders in
      let key = DataKey.generate()
      var migrator = DatabaseMigrator()
      migrator.registerMigration("1") {
        try $0.execute(sql: "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)")
      }
      let names =
        DatabaseName.single + (0..<10).map { _ in .agent(UUID()) }
        + (0..<10).compactMap { PluginID(rawValue: "plugin\($0)").map(DatabaseName.plugin) }
      func openAll() throws {
        let pools = try names.map {
          try EncryptedDatabase.open($0, in: folders, key: key, migrator: migrator)
        }
        for pool in pools { EncryptedDatabase.close(pool) }
      }
      try openAll()
      let (milliseconds, _) = try SideBySide.time(rounds: 9, calls: 1, ours: openAll, alternative: {})
      return Report.Reading(
        name: "open, check and close \(names.count) databases", value: milliseconds / 1e6, unit: "ms")
    }
  }

  /// A content sealed into a file that outlives a power cut, against the same bytes through the cipher and into a file in
  /// the same way.
  private static func seal(name: String, size: Int, calls: Int) throws -> Measurement {
    try withFolders { folders in
      let blobs = BlobStore(folders: folders, key: .generate())
      let content = Data((0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) })
      let key = SymmetricKey(size: .bits256)
      let plain = folders.data.appending(path: "bare")
      let (ours, bare) = try SideBySide.time(calls: calls) {
        try blobs.place(blobs.stage(content))
      } alternative: {
        let box = try AES.GCM.seal(content, using: key)
        try PrivateFile.replace(plain, with: [UInt8](box.combined!))
      }
      return Measurement(
        name: "\(name) sealed into a file, named, synchronised", ours: ours / 1000, alternative: bare / 1000,
        alternativeName: "AES-256-GCM and the same writing", unit: "µs", ratio: ours / bare, direction: nil,
        floor: nil)
    }
  }

  private static func unseal(name: String, size: Int, calls: Int) throws -> Measurement {
    try withFolders { folders in
      let blobs = BlobStore(folders: folders, key: .generate())
      let staged = try blobs.stage(Data((0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }))
      try blobs.place(staged)
      let key = SymmetricKey(size: .bits256)
      let plain = folders.data.appending(path: "bare")
      try AES.GCM.seal([UInt8](repeating: 1, count: size), using: key).combined!.write(to: plain)
      let (ours, bare) = try SideBySide.time(calls: calls) {
        consume(try blobs.bytes(of: staged.name))
      } alternative: {
        consume(try AES.GCM.open(AES.GCM.SealedBox(combined: Data(contentsOf: plain)), using: key))
      }
      return Measurement(
        name: "\(name) opened from a file, and compared with its name", ours: ours / 1000,
        alternative: bare / 1000, alternativeName: "reading and AES-256-GCM alone", unit: "µs",
        ratio: ours / bare, direction: nil, floor: nil)
    }
  }
}
