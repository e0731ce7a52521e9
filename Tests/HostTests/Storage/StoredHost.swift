import Foundation
import Keyring
import Storage
import Stores

@testable import Host

/// A host with one conversation in it, an attachment of which is a file of its own, and nothing that runs.
final class StoredHost {
  let home: TemporaryHome
  let settings: HostSettings
  let session = UUID()

  var folders: HostFolders { home.folders }
  /// A look at what is stored, as a command has it: made for it.
  var storage: HostStorage { get throws { try HostStorage(folders: folders, settings: settings) } }

  init(lines: Int = 20, in folder: String = "/tmp") async throws {
    home = TemporaryHome(in: folder)
    let folders = home.folders
    _ = try await HostInitialiser(folders: folders).initialise(keyStore: .file)
    settings = try HostSettings.load(
      folders: folders, environment: ["OSAURUS_DETECT_LOCAL_SERVERS": "false"])
    let databases = try open()
    let chats = ChatStore(databases.chatHistory, blobs: databases.blobs)
    let image = NewAttachment(
      position: 1, kind: "image_url", mediaType: "image/png", part: "{}", encoding: .base64,
      content: Data((0..<100_000).map { UInt8($0 % 251) }))
    let turns = (0..<lines).map { number in
      NewTurn(
        role: "user",
        content: "the tulip and the rose, number \(number) " + String(repeating: "x", count: 600),
        attachments: number == 0 ? [image] : [])
    }
    _ = try await chats.openSession(
      session, agentID: nil, openedBy: .owner, title: "Garden", model: nil, source: .chat,
      saying: { _ in turns })
    databases.close()
  }

  func open() throws -> HostDatabases { try HostDatabases.open(in: folders, key: storage.key) }

  func services() async throws -> HostServices {
    try await HostServices.open(folders: folders, settings: settings, logger: .quiet)
  }

  func file(_ name: DatabaseName) -> URL { name.file(in: folders) }

  /// The parts of which something broken was found.
  func broken() throws -> [String] {
    try storage.verify().findings.filter { $0.state == .broken }.map(\.part)
  }

  /// Every file of the data folder but locks and the indexes of logs.
  func content() throws -> [String: Data] {
    var content: [String: Data] = [:]
    let data = folders.data.path
    for name in try FileManager.default.subpathsOfDirectory(atPath: data)
    where !name.hasSuffix("-shm") && !name.hasSuffix(".lock") {
      if let bytes = FileManager.default.contents(atPath: "\(data)/\(name)"), !bytes.isEmpty {
        content[name] = bytes
      }
    }
    return content
  }

  static func flip(_ file: URL, at offset: Int) throws {
    try DegradedHostTests.bend(file, at: offset)
  }
}
