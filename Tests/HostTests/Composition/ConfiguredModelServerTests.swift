import AsyncHTTPClient
import Foundation
import Inference
import Keyring
import SecretMemory
import Synchronization
import Testing

@testable import Host

@Suite("The model server that the owner named")
struct ConfiguredModelServerTests {
  private func settings(_ url: String, keyFile: URL? = nil) throws -> HostSettings {
    var settings = HostSettings(
      hostID: UUID(uuid: (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)), keyStore: .file)
    settings.modelURL = URL(string: url)
    settings.modelKeyFile = keyFile
    return settings
  }

  private func secret(_ text: String) -> SecretBytes {
    var bytes = Array(text.utf8)
    return SecretBytes(taking: &bytes)
  }

  /// What the server saw as its key when it was asked with these settings.
  private func keySeen(
    by model: ScriptedModelServer, _ settings: HostSettings, _ folders: HostFolders
  ) async throws -> String? {
    let server = try #require(try ConfiguredModelServer(settings: settings, folders: folders))
    let client = HTTPClient.forModels()
    do {
      _ = try await server.provider(client: client).complete(
        ChatRequest(model: "scripted/one", messages: [.user("say hello")]))
    } catch {
      try? await client.shutdown()
      throw error
    }
    try await client.shutdown()
    return model.seen.withLock { $0.authorization.last ?? nil }
  }

  @Test("its key is kept with the host's keys, sent to that server, and to no other")
  func keepsKey() async throws {
    try await ScriptedModelServer.run { model, url in
      let home = TemporaryHome()
      let folders = home.folders
      try folders.create()
      let here = try settings(url)
      #expect(try await keySeen(by: model, here, folders) == nil)
      try ConfiguredModelServer(settings: here, folders: folders)?.keep(secret("sk-one"))
      #expect(try await keySeen(by: model, here, folders) == "Bearer sk-one")
      let elsewhere = try settings(url.replacingOccurrences(of: "127.0.0.1", with: "localhost"))
      #expect(try await keySeen(by: model, elsewhere, folders) == nil)
      try ConfiguredModelServer(settings: here, folders: folders)?.forgetKey()
      #expect(try await keySeen(by: model, here, folders) == nil)
    }
  }

  @Test("a key file goes before the kept key, and one that others may read is refused")
  func readsFile() async throws {
    try await ScriptedModelServer.run { model, url in
      let home = TemporaryHome()
      let folders = home.folders
      try folders.create()
      let file = folders.configuration.appending(path: "model.key")
      try PrivateFile.replace(file, with: Array("sk-file\n".utf8))
      let named = try settings(url, keyFile: file)
      try ConfiguredModelServer(settings: named, folders: folders)?.keep(secret("sk-kept"))
      #expect(try await keySeen(by: model, named, folders) == "Bearer sk-file")
      try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file.path)
      await #expect(throws: KeyringError.self) { try await keySeen(by: model, named, folders) }
      let missing = try settings(url, keyFile: folders.configuration.appending(path: "none.key"))
      await #expect(throws: HostError.self) { try await keySeen(by: model, missing, folders) }
    }
  }

  @Test("a key that would travel in the clear, or is none, is not kept")
  func refusesKey() throws {
    let home = TemporaryHome()
    let folders = home.folders
    try folders.create()
    let far = try #require(
      try ConfiguredModelServer(settings: settings("http://192.0.2.1/v1"), folders: folders))
    #expect(throws: InferenceError.keyNeedsTLS(host: "192.0.2.1")) { try far.keep(secret("sk")) }
    let near = try #require(
      try ConfiguredModelServer(settings: settings("https://192.0.2.1/v1"), folders: folders))
    #expect(throws: InferenceError.invalidKey) { try near.keep(secret("two words")) }
    #expect(!FileManager.default.fileExists(atPath: folders.keyFile.path))
  }
}
