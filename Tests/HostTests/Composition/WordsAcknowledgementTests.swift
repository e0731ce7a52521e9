import Foundation
import Identity
import Keyring
import Testing

@testable import Host

@Suite("The acknowledgement of the words")
struct WordsAcknowledgementTests {
  @Test("a new host is not acknowledged, and stays so until that is recorded")
  func records() async throws {
    let home = TemporaryHome()
    let words = WordsAcknowledgement(folders: home.folders)
    #expect(!words.isMissing)
    #expect(throws: HostError.notInitialised) { try words.record(at: Date()) }
    let made = try await HostInitialiser(folders: home.folders).initialise(keyStore: .file)
    #expect(words.isMissing)
    #expect(try words.master().address == made.address)
    let time = Date(timeIntervalSince1970: 1_900_000_000)
    try words.record(at: time)
    #expect(!words.isMissing)
    #expect(try HostSettingsFile.read(home.folders)?.acknowledgedAt == time)
  }

  @Test("what else an owner wrote into host.json is kept, known or not")
  func keepsSettings() async throws {
    let home = TemporaryHome()
    let file = home.folders.settingsFile
    _ = try await HostInitialiser(folders: home.folders).initialise(keyStore: .file)
    let json = try String(contentsOf: file, encoding: .utf8)
      .replacing(
        "{\n", with: "{\n  \"port\": 4242, \"prot\": {\"a\": [1, 2.5, true, null]},\n", maxReplacements: 1)
    try Data(json.utf8).write(to: file)
    try WordsAcknowledgement(folders: home.folders).record(at: Date())
    let kept = try #require(
      try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? NSDictionary)
    #expect(kept["port"] as? Int == 4242)
    #expect(kept["prot"] as? NSDictionary == ["a": [1, 2.5, true, NSNull()]])
    #expect(try HostSettings.load(folders: home.folders).unknownKeys == ["prot"])
  }
}
