public import Foundation
public import Keyring

/// The databases that a host has. The raw values are their paths below the data folder, and the labels of their keys.
public enum DatabaseName: String, CaseIterable, Sendable {
  /// What was said.
  case chatHistory = "chat/history.sqlite"
  /// Agents, access keys, revocations.
  case host = "host/host.sqlite"

  /// Where its file is.
  public func file(in folders: HostFolders) -> URL { folders.data.appending(path: rawValue) }

  /// What a power cut may take, as SQLite calls it: nothing where a forgotten revocation would let somebody in, the last
  /// moments of a conversation elsewhere.
  var durability: String {
    switch self {
    case .host: "FULL"
    case .chatHistory: "NORMAL"
    }
  }

  /// Whether its file holds anything.
  func hasContent(in folders: HostFolders) -> Bool {
    let attributes = try? FileManager.default.attributesOfItem(atPath: file(in: folders).path)
    return (attributes?[.size] as? Int ?? 0) > 0
  }
}
