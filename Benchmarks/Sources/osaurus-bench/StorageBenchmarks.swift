import Crypto
import Foundation
import Keyring
import Storage

/// Sealed files against the cipher inside them.
enum StorageBenchmarks {
  static let all: [Benchmark] = [
    Benchmark("seal-file-64-KiB") {
      $0.measurements.append(try seal(name: "64 KiB", size: 64 << 10, calls: 8))
    },
    Benchmark("seal-file-4-MiB") { $0.measurements.append(try seal(name: "4 MiB", size: 4 << 20, calls: 2)) },
    Benchmark("open-file-4-MiB") {
      $0.measurements.append(try unseal(name: "4 MiB", size: 4 << 20, calls: 4))
    },
  ]

  /// A content sealed into a file that outlives a power cut, against the same bytes through the cipher and into a file in
  /// the same way.
  private static func seal(name: String, size: Int, calls: Int) throws -> Measurement {
    let folder = try DataFolder()
    defer { folder.remove() }
    let folders = folder.folders
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
      alternativeName: "AES-256-GCM and the same writing", unit: "µs", ratio: bare / ours,
      direction: .atLeast,
      floor: 0.8)
  }

  private static func unseal(name: String, size: Int, calls: Int) throws -> Measurement {
    let folder = try DataFolder()
    defer { folder.remove() }
    let folders = folder.folders
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
      ratio: bare / ours, direction: nil, floor: nil)
  }
}
