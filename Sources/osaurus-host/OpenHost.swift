import Foundation
import Host
import Keyring
import Logging

/// Finds this user's host: its folders and, where a command needs it, the host itself in this process.
enum OpenHost {
  static func folders() throws -> HostFolders {
    try HostFolders.resolve(environment: ProcessInfo.processInfo.environment)
  }

  /// The folders, once a change of identity or an import that was interrupted is done.
  static func finishedFolders() async throws -> HostFolders {
    let folders = try folders()
    try ImportSwitch(folders: folders).finish()
    try await IdentityChange(folders: folders).finish()
    return folders
  }

  static func services() async throws -> HostServices {
    let folders = try folders()
    let settings = try HostSettings.load(
      folders: folders, environment: ProcessInfo.processInfo.environment)
    var logger = Logger(label: "osaurus-host") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = .error
    return try await HostServices.open(folders: folders, settings: settings, logger: logger)
  }
}
