import Foundation
import Keyring
import Testing

@testable import Host

@Suite("The settings of a host")
struct HostSettingsTests {
  private func settings(
    _ change: (inout HostSettingsFile) -> Void = { _ in }, flags: HostSettings.Flags = .init(),
    environment: [String: String] = [:]
  ) throws -> HostSettings {
    var file = HostSettingsFile(hostID: UUID(), keystore: .file)
    change(&file)
    return try HostSettings(file: file, flags: flags, environment: environment)
  }

  @Test("nothing said means 127.0.0.1:1337, to nobody else")
  func defaults() throws {
    let settings = try settings()
    #expect(settings.port == 1337)
    #expect(settings.bind == "127.0.0.1")
    #expect(!settings.isExposed)
    #expect(!settings.allowsPlaintextClients)
    #expect(settings.handshakesPerMinute == 5)
  }

  @Test("flags go before the environment, the environment before the file")
  func precedence() throws {
    #expect(try settings({ $0.port = 1 }).port == 1)
    #expect(try settings({ $0.port = 1 }, environment: ["OSAURUS_PORT": "2"]).port == 2)
    #expect(
      try settings({ $0.port = 1 }, flags: .init(port: 3), environment: ["OSAURUS_PORT": "2"]).port == 3)
  }

  @Test("the environment that scripts rely on is read")
  func environment() throws {
    let settings = try settings(environment: [
      "OSAURUS_MODEL_URL": "http://127.0.0.1:9/v1", "OSAURUS_MODEL": "m", "OSAURUS_MODEL_KEY_FILE": "/k",
    ])
    #expect(settings.modelURL?.absoluteString == "http://127.0.0.1:9/v1")
    #expect(settings.model == "m")
    #expect(settings.modelKeyFile?.path == "/k")
  }

  @Test("exposing listens everywhere, and listening to others is exposing")
  func exposure() throws {
    #expect(try settings(flags: .init(expose: true)).bind == "0.0.0.0")
    #expect(try settings(flags: .init(bind: "192.0.2.1")).isExposed)
    #expect(try settings(flags: .init(bind: "127.0.0.2")).isExposed == false)
    #expect(try settings(flags: .init(bind: "127.0.0.1", expose: true)).bind == "127.0.0.1")
  }

  @Test(
    "values that make no sense are refused by name",
    arguments: [
      ("OSAURUS_PORT", "70000", "port"), ("OSAURUS_PORT", "x", "port"), ("OSAURUS_BIND", "nowhere", "bind"),
      ("OSAURUS_EXPOSE", "maybe", "expose"), ("OSAURUS_MODEL_URL", "ftp://x", "modelURL"),
      ("OSAURUS_HANDSHAKES_PER_MINUTE", "0", "handshakesPerMinute"),
      ("OSAURUS_LOG_LEVEL", "loud", "logLevel"),
    ])
  func nonsense(variable: String, value: String, name: String) throws {
    do {
      _ = try settings(environment: [variable: value])
      Issue.record("it was taken")
    } catch HostError.invalidSetting(let refused, _) {
      #expect(refused == name)
    }
  }

  @Test("a file survives being written and read, and its unknown keys are named")
  func file() throws {
    var file = HostSettingsFile(hostID: UUID(), keystore: .file)
    file.port = 4711
    file.allowedHosts = ["box.example"]
    let json = try file.json()
    #expect(try HostSettingsFile(json: json) == file)
    #expect(try HostSettingsFile(json: json).unknownKeys == [])
    let misspelt = #"{"hostID":"\#(file.hostID)","keystore":"file","prot":1,"port":2}"#
    #expect(try HostSettingsFile(json: Array(misspelt.utf8)).unknownKeys == ["prot"])
    #expect(try settings({ $0 = file }).allowedHosts == ["box.example"])
  }

  @Test(
    "a file that cannot be read is named and left as it is",
    arguments: ["", "{", "[]", "{}", #"{"hostID":"x","keystore":"file"}"#, #"{"hostID":1}"#])
  func malformed(text: String) throws {
    let home = TemporaryHome()
    let folders = home.folders
    try folders.create()
    try PrivateFile.replace(folders.settingsFile, with: Array(text.utf8))
    do {
      _ = try HostSettings.load(folders: folders)
      Issue.record("it was taken")
    } catch HostError.malformedSettings(let path, _) {
      #expect(path == folders.settingsFile.path)
    }
    #expect(try String(contentsOf: folders.settingsFile, encoding: .utf8) == text)
  }

  @Test("without a file there is no host")
  func missing() throws {
    let home = TemporaryHome()
    let folders = home.folders
    #expect(throws: HostError.notInitialised) { try HostSettings.load(folders: folders) }
  }
}
