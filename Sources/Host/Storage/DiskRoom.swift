import Foundation
import Storage

/// Whether a disk is full, where SQLite says only that it could not write.
enum DiskRoom {
  /// With less than this it may well have been that: a log and its index take room that is free again by now.
  private static let least = 1 << 20

  /// Runs `body`, whose errors say that there is no space left where that is why.
  static func explained<R>(in folder: URL, _ body: () throws -> R) throws -> R {
    do {
      return try body()
    } catch {
      throw explaining(error, in: folder)
    }
  }

  /// The same error, or that there is no space left where a file could not be written for it.
  static func explaining(_ error: any Error, in folder: URL) -> any Error {
    switch error {
    case StorageError.database, ExportFault.file:
      let attributes = try? FileManager.default.attributesOfFileSystem(forPath: folder.path)
      guard let free = attributes?[.systemFreeSize] as? Int, free < least else { return error }
      return ExportFault.file(path: folder.path, reason: String(cString: strerror(ENOSPC)))
    default: return error
    }
  }
}
