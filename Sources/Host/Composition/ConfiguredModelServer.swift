import AsyncHTTPClient
public import Foundation
import Inference
public import Keyring
public import SecretMemory

/// The model server that the owner named, and the key for it.
///
/// The key rests where the keys of the host rest, or in a file of the owner's. In the key store it belongs to one base
/// URL: who changes the URL does not send the key of one server to another.
public struct ConfiguredModelServer: Sendable {
  /// Its base URL.
  public let url: URL
  private let server: ServerURL
  private let keyFile: URL?
  private let store: any KeyStore

  /// The server of these settings; nil where they name none.
  /// - Throws: `InferenceError` for a URL that no server has.
  public init?(settings: HostSettings, folders: HostFolders) throws {
    guard let url = settings.modelURL else { return nil }
    self.url = url
    server = try ServerURL(url.absoluteString)
    keyFile = settings.modelKeyFile
    store = HostKeyStore.open(settings.keyStore, hostID: settings.hostID, folders: folders)
  }

  private var item: KeyItem { .modelKey(server.text) }

  /// Keeps the key of the server. The service uses it from its next start on.
  /// - Throws: `InferenceError.invalidKey`, `.keyNeedsTLS`, or `KeyringError`.
  public func keep(_ key: consuming SecretBytes) throws {
    let copy = key.copy()
    let provider = try ProviderKey(copy)
    guard server.isEncrypted || server.isLoopback else { throw InferenceError.keyNeedsTLS(host: server.host) }
    try provider.withBytes { (bytes: borrowing SecretBytes) throws(KeyringError) in
      try store.store(bytes, as: item)
    }
  }

  /// Forgets the key of the server.
  public func forgetKey() throws { try store.remove(item) }

  /// The server, ready to be asked.
  func provider(client: HTTPClient) throws -> OpenAIProvider {
    try OpenAIProvider(name: "The configured model server", url: server, key: try key(), client: client)
  }

  private func key() throws -> ProviderKey? {
    if let keyFile {
      guard var bytes = try PrivateFile.read(keyFile, limit: 8192) else {
        throw HostError.modelKeyMissing(path: keyFile.path)
      }
      return try ProviderKey(SecretBytes(taking: &bytes))
    }
    guard let bytes = try store.load(item) else { return nil }
    return try ProviderKey(bytes)
  }
}
