import Foundation
import Keyring

/// The folders of a host that is gone afterwards.
struct DataFolder {
  let folders: HostFolders

  init() throws {
    folders = HostFolders(
      home: FileManager.default.temporaryDirectory.appending(path: "osaurus-bench-\(UUID().uuidString)"))
    try folders.create()
  }

  func remove() { try? FileManager.default.removeItem(at: folders.data.deletingLastPathComponent()) }
}
