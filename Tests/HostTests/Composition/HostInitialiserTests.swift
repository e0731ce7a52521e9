import Foundation
import Identity
import Keyring
import SecretMemory
import Storage
import Testing

@testable import Host

@Suite("The making of a host")
struct HostInitialiserTests {
  @Test("a new host has an address, 24 words that bring it back, and a recovery code")
  func makes() async throws {
    let home = TemporaryHome()
    let made = try await HostInitialiser(folders: home.folders).initialise(keyStore: .file)
    let phrase = made.withWords { $0.joined(separator: " ") }
    #expect(try MasterKey(mnemonic: Mnemonic(parsing: phrase)).address == made.address)
    #expect(try /OSAURUS(-[0-9A-F]{4}){4}/.wholeMatch(in: made.recoveryCode.text) != nil)
    #expect(made.keyStore == .file)
    #expect(made.keyStoreWords == FileKeyStore.plainWords)
  }

  @Test("settings and keys are readable by their owner alone, and the settings hold no secret")
  func modes() async throws {
    let home = TemporaryHome()
    let folders = home.folders
    let made = try await HostInitialiser(folders: folders).initialise(keyStore: .file)
    for file in [folders.settingsFile, folders.keyFile] {
      let mode = try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int
      #expect(mode == 0o600)
    }
    let settings = try String(contentsOf: folders.settingsFile, encoding: .utf8)
    made.withWords { words in #expect(!settings.contains(words[0] + " " + words[1])) }
  }

  @Test("an identity that is there is never overwritten")
  func refuses() async throws {
    let home = TemporaryHome()
    let folders = home.folders
    let initialiser = HostInitialiser(folders: folders)
    _ = try await initialiser.initialise(keyStore: .file)
    let before = try Data(contentsOf: folders.keyFile)
    await #expect(throws: HostError.alreadyInitialised(settings: folders.settingsFile.path)) {
      try await initialiser.initialise(keyStore: .file)
    }
    #expect(try Data(contentsOf: folders.keyFile) == before)
  }

  @Test("what was interrupted is finished with the keys that are there")
  func finishes() async throws {
    let home = TemporaryHome()
    let folders = home.folders
    let initialiser = HostInitialiser(folders: folders)
    let first = try await initialiser.initialise(keyStore: .file)
    var settings = try #require(try HostSettingsFile.read(folders))
    settings.isComplete = false
    try settings.write(folders)
    #expect(throws: HostError.unfinishedInitialisation) { try HostSettings.load(folders: folders) }
    let second = try await initialiser.initialise(keyStore: .file)
    #expect(second.address == first.address)
    #expect(try HostSettings.load(folders: folders).hostID == settings.hostID)
  }

  @Test("what was interrupted is not begun again elsewhere")
  func finishesInPlace() async throws {
    let home = TemporaryHome()
    let folders = home.folders
    try folders.create()
    var settings = HostSettingsFile(hostID: UUID(), keystore: .file)
    settings.isComplete = false
    try settings.write(folders)
    await #expect(throws: HostError.unfinishedElsewhere(keyStore: "file")) {
      try await HostInitialiser(folders: folders).initialise(keyStore: .secretService)
    }
  }

  @Test("keys or databases whose settings are gone are left alone")
  func leftovers() async throws {
    let home = TemporaryHome()
    let folders = home.folders
    let initialiser = HostInitialiser(folders: folders)
    _ = try await initialiser.initialise(keyStore: .file)
    try FileManager.default.removeItem(at: folders.settingsFile)
    let before = try Data(contentsOf: folders.keyFile)
    await #expect(throws: HostError.leftovers(path: folders.keyFile.path)) {
      try await initialiser.initialise(keyStore: .file)
    }
    #expect(try Data(contentsOf: folders.keyFile) == before)
  }

  @Test("the keys of peers are not what is left of a host, and they are there afterwards")
  func peerKeys() async throws {
    let home = TemporaryHome()
    let folders = home.folders
    try folders.create()
    let keys = FileKeyStore(file: folders.keyFile)
    try keys.store(SecretBytes(count: 2) { $0.copyBytes(from: [1, 2]) }, as: .peerKey("friend"))
    let made = try await HostInitialiser(folders: folders).initialise(keyStore: .file)
    #expect(
      try HostCheck(folders: folders, settings: HostSettings.load(folders: folders)).address == made.address)
    #expect(try keys.contains(.peerKey("friend")))
  }

  @Test("a master key, a data key or a database is left of a host, each on its own", arguments: 0..<3)
  func eachLeftover(number: Int) async throws {
    let home = TemporaryHome()
    let folders = home.folders
    try folders.create()
    let database = folders.data.appending(path: "chat/history.sqlite")
    switch number {
    case 0: try FileKeyStore(file: folders.keyFile).store(.random(count: 32), as: .masterKey)
    case 1: try FileKeyStore(file: folders.keyFile).store(.random(count: 32), as: .dataKey)
    default:
      try PrivateFile.makeFolder(database.deletingLastPathComponent())
      try PrivateFile.replace(database, with: [1])
    }
    let expected = HostError.leftovers(path: (number < 2 ? folders.keyFile : database).path)
    await #expect(throws: expected) {
      try await HostInitialiser(folders: folders).initialise(keyStore: .file)
    }
    #expect(!FileManager.default.fileExists(atPath: folders.settingsFile.path))
    // Who followed an advice to move the key file away would lose the keys of peers with it.
    #expect(!expected.description.contains("away"))
  }

  @Test("of many that begin at once, one makes the host, and the others find it")
  func atOnce() async throws {
    let home = TemporaryHome()
    let folders = home.folders
    let made = try await withThrowingTaskGroup(of: String?.self) { group in
      for _ in 0..<6 {
        group.addTask {
          do {
            let initialiser = HostInitialiser(folders: folders, patience: .seconds(100))
            return try await initialiser.initialise(keyStore: .file).address.checksummed
          } catch HostError.alreadyInitialised {
            return nil
          }
        }
      }
      return try await group.reduce(into: [String]()) { made, address in
        if let address { made.append(address) }
      }
    }
    #expect(made.count == 1)
    let found = try HostCheck(folders: folders, settings: HostSettings.load(folders: folders))
    #expect(found.address.checksummed == made.first)
    #expect(found.databases == Dictionary(uniqueKeysWithValues: HostDatabases.kept.map { ($0, .current) }))
  }

  @Test("of several processes that begin at once, one makes the host, and the others find it")
  func processes() async throws {
    let home = TemporaryHome()
    let (folders, path) = (home.folders, home.path)
    await withTaskGroup { group in
      for _ in 0..<3 {
        group.addTask {
          await #expect(processExitsWith: .success) { [path = path as String] in
            let folders = HostFolders(home: URL(filePath: path))
            do {
              let made = try await HostInitialiser(folders: folders, patience: .seconds(100)).initialise(
                keyStore: .file)
              try PrivateFile.replace(
                URL(filePath: "\(path)/made-\(ProcessInfo.processInfo.processIdentifier)"),
                with: Array(made.address.checksummed.utf8))
            } catch HostError.alreadyInitialised {}
          }
        }
      }
    }
    let made = try FileManager.default.contentsOfDirectory(atPath: path).filter { $0.hasPrefix("made-") }
    #expect(made.count == 1)
    let address = try String(contentsOfFile: "\(path)/\(made.first ?? "")", encoding: .utf8)
    let found = try HostCheck(folders: folders, settings: HostSettings.load(folders: folders))
    #expect(found.address.checksummed == address)
    #expect(found.databases == Dictionary(uniqueKeysWithValues: HostDatabases.kept.map { ($0, .current) }))
  }

  @Test("while another one is at work, nothing is changed, and it is said so")
  func running() async throws {
    let home = TemporaryHome()
    let folders = home.folders
    try folders.create()
    let lock = try FileLock(waitingFor: folders.initialisationLock)
    await #expect(throws: HostError.initialisationRunning) {
      try await HostInitialiser(folders: folders, patience: .zero).initialise(keyStore: .file)
    }
    #expect(!FileManager.default.fileExists(atPath: folders.settingsFile.path))
    withExtendedLifetime(lock) {}
  }

  @Test("a host can be made from the words of an identity")
  func recovers() async throws {
    let home = TemporaryHome()
    let master = try MasterKey.generate()
    let made = try await HostInitialiser(folders: home.folders).initialise(
      keyStore: .file, from: master.mnemonic())
    #expect(made.address == master.address)
  }

  @Test("without the keys a host does not open, and says where they should be")
  func keysMissing() async throws {
    let home = TemporaryHome()
    let folders = home.folders
    _ = try await HostInitialiser(folders: folders).initialise(keyStore: .file)
    let settings = try HostSettings.load(folders: folders)
    try FileKeyStore(file: folders.keyFile).remove(.masterKey)
    await #expect(throws: HostError.keysMissing(keyStore: "file")) {
      try await HostServices.open(folders: folders, settings: settings, logger: .quiet)
    }
  }

  @Test("another key opens nothing and changes nothing")
  func wrongKey() async throws {
    let home = TemporaryHome()
    let folders = home.folders
    _ = try await HostInitialiser(folders: folders).initialise(keyStore: .file)
    let settings = try HostSettings.load(folders: folders)
    try FileKeyStore(file: folders.keyFile).store(.random(count: 32), as: .dataKey)
    let database = folders.data.appending(path: "host/host.sqlite")
    let before = try Data(contentsOf: database)
    await #expect(throws: (any Error).self) {
      try await HostServices.open(folders: folders, settings: settings, logger: .quiet)
    }
    #expect(try Data(contentsOf: database) == before)
  }
}
