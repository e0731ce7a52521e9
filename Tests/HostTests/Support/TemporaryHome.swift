import Foundation
import Keyring

@testable import Host

/// A folder of its own for one test, gone after it.
struct TemporaryHome: ~Copyable {
  let path: String

  /// - Parameter folder: where it is made.
  init(in folder: String = "/tmp") {
    // Short, because a socket's path has to fit into 107 bytes.
    path = "\(folder)/oh-\(UInt32.random(in: .min ... .max))"
    try? FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  var folders: HostFolders { HostFolders(home: URL(filePath: path)) }
}
