import Foundation
import Keyring
import SecretMemory
import Storage
import Testing

@testable import Host

@Suite("A look at a host")
struct HostCheckTests {
  /// The names and contents of all files below a folder, but for logs that are empty and their index.
  private func content(of path: String) throws -> [String: Data] {
    var content: [String: Data] = [:]
    for name in try FileManager.default.subpathsOfDirectory(atPath: path) where !name.hasSuffix("-shm") {
      if let data = FileManager.default.contents(atPath: "\(path)/\(name)"), !data.isEmpty {
        content[name] = data
      }
    }
    return content
  }

  @Test("it tells the identity and how the databases are, and changes nothing")
  func good() async throws {
    let home = TemporaryHome()
    let folders = home.folders
    let made = try await HostInitialiser(folders: folders).initialise(keyStore: .file)
    let settings = try HostSettings.load(folders: folders)
    let before = try content(of: home.path)
    let found = try HostCheck(folders: folders, settings: settings)
    #expect(found.address == made.address)
    #expect(found.databases == Dictionary(uniqueKeysWithValues: HostDatabases.kept.map { ($0, .current) }))
    #expect(try content(of: home.path) == before)
    try FileManager.default.removeItem(at: DatabaseName.chatHistory.file(in: folders))
    #expect(try HostCheck(folders: folders, settings: settings).databases[.chatHistory] == .missing)
    #expect(!FileManager.default.fileExists(atPath: DatabaseName.chatHistory.file(in: folders).path))
  }

  @Test("keys that are missing or do not fit are told as opening tells them")
  func refusals() async throws {
    let home = TemporaryHome()
    let folders = home.folders
    _ = try await HostInitialiser(folders: folders).initialise(keyStore: .file)
    let settings = try HostSettings.load(folders: folders)
    let keys = FileKeyStore(file: folders.keyFile)
    try keys.store(.random(count: 32), as: .dataKey)
    #expect(throws: StorageError.self) { _ = try HostCheck(folders: folders, settings: settings) }
    try keys.remove(.dataKey)
    #expect(throws: HostError.keysMissing(keyStore: "file")) {
      _ = try HostCheck(folders: folders, settings: settings)
    }
  }
}
