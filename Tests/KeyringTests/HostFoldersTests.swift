import Foundation
import Testing

@testable import Keyring

@Suite("Where things are kept")
struct HostFoldersTests {
  private func paths(_ environment: [String: String]) throws -> [String] {
    let folders = try HostFolders.resolve(environment: environment)
    return [folders.data, folders.configuration, folders.state, folders.runtime].map(\.path)
  }

  @Test("OSAURUS_HOME puts everything below one folder, whatever else is set")
  func home() throws {
    let expected = ["/srv/o/data", "/srv/o/config", "/srv/o/state", "/srv/o/run"]
    #expect(try paths(["OSAURUS_HOME": "/srv/o"]) == expected)
    #expect(try paths(["OSAURUS_HOME": "/srv/x/../o/", "HOME": "/h", "XDG_DATA_HOME": "/d"]) == expected)
    let relative = try paths(["OSAURUS_HOME": "o"])
    #expect(relative.first == FileManager.default.currentDirectoryPath + "/o/data")
  }

  @Test("the base directories decide otherwise, each on its own; relative and empty ones are ignored")
  func baseDirectories() throws {
    let defaults = [
      "/h/.local/share/osaurus", "/h/.config/osaurus", "/h/.local/state/osaurus",
      "/h/.local/state/osaurus/run",
    ]
    #expect(try paths(["HOME": "/h"]) == defaults)
    #expect(
      try paths(["HOME": "/h", "OSAURUS_HOME": "", "XDG_DATA_HOME": "d", "XDG_RUNTIME_DIR": ""]) == defaults)
    let all = [
      "XDG_DATA_HOME": "/d", "XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s",
      "XDG_RUNTIME_DIR": "/run/user/1",
    ]
    #expect(try paths(all) == ["/d/osaurus", "/c/osaurus", "/s/osaurus", "/run/user/1/osaurus"])
  }

  @Test("an environment that names no place is refused", arguments: [[:], ["HOME": ""], ["HOME": "here"]])
  func noHome(environment: [String: String]) {
    #expect(throws: KeyringError.noHome) { _ = try HostFolders.resolve(environment: environment) }
  }

  @Test("a path is refused as soon as its socket's would not fit")
  func socketPath() throws {
    // "/run/control.sock" takes 17 of the 107 bytes.
    let longest = "/" + String(repeating: "é", count: 44) + "x"
    #expect(
      try HostFolders.resolve(environment: ["OSAURUS_HOME": longest]).controlSocket.path.utf8.count == 107)
    #expect(throws: KeyringError.socketPathTooLong(longest + "x/run/control.sock")) {
      _ = try HostFolders.resolve(environment: ["OSAURUS_HOME": longest + "x"])
    }
  }

  @Test("every folder is made for its owner alone, and one that others may enter is refused")
  func create() throws {
    let folder = try TemporaryFolder()
    let folders = HostFolders(home: folder.url.appending(path: "home"))
    for _ in 0..<2 { try folders.create() }
    for name in ["home", "home/data", "home/config", "home/state", "home/run"] {
      #expect(try folder.mode(of: name) == 0o700, "\(name)")
    }
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folders.state.path)
    let mend = "chmod 700 '\(folders.state.path)'"
    #expect(throws: KeyringError.unsafePermissions(path: folders.state.path, mend: mend)) {
      try folders.create()
    }
  }

  @Test("one service holds the data, wherever the environment puts its sockets")
  func serviceLock() throws {
    let environments = ["/run/user/1", "/tmp/elsewhere", ""].map { ["HOME": "/h", "XDG_RUNTIME_DIR": $0] }
    let folders = try environments.map { try HostFolders.resolve(environment: $0) }
    #expect(Set(folders.map(\.controlSocket)).count == 3)
    #expect(Set(folders.map(\.serviceLock.path)) == ["/h/.local/share/osaurus/service.lock"])
  }

  @Test("no two things share a place")
  func distinct() {
    let folders = HostFolders(home: URL(filePath: "/srv/o"))
    let places = [
      folders.settingsFile, folders.keyFile, folders.peersFile, folders.controlSocket,
      folders.initialisationLock, folders.serviceLock, folders.databaseLock, folders.modelRuntime,
    ]
    #expect(Set(places).count == places.count)
  }
}
