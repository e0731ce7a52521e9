import Foundation
import Keyring

@testable import Host

/// A whole host in a temporary home, with a scripted model server behind it.
struct WholeHost: Sendable {
  let services: HostServices
  let model: ScriptedModelServer
  let owner: InProcessClient

  /// Runs `body` with a host that was just made.
  static func run(
    environment: [String: String] = [:], _ body: @escaping @Sendable (WholeHost) async throws -> Void
  ) async throws {
    try await ScriptedModelServer.run { model, url in
      let home = TemporaryHome()
      let folders = home.folders
      _ = try await HostInitialiser(folders: folders).initialise(keyStore: .file)
      var environment = environment
      environment["OSAURUS_MODEL_URL"] = url
      environment["OSAURUS_DETECT_LOCAL_SERVERS"] = "false"
      let settings = try HostSettings.load(
        folders: folders, flags: .init(port: 0), environment: environment)
      let services = try await HostServices.open(folders: folders, settings: settings, logger: .quiet)
      let host = WholeHost(services: services, model: model, owner: InProcessClient(services: services))
      do {
        try await body(host)
      } catch {
        await services.shutdown()
        throw error
      }
      await services.shutdown()
      withExtendedLifetime(home) {}
    }
  }

  /// Asks as the owner; gives status and JSON object.
  func ask(
    _ method: String, _ path: String, _ body: String = ""
  ) async throws -> (status: Int, json: [String: Any]) {
    let answer = try await owner.send(method, path, body: Array(body.utf8))
    let object = try? JSONSerialization.jsonObject(with: Data(answer.body))
    return (answer.status, object as? [String: Any] ?? [:])
  }

  /// Asks as the owner; gives the answer as text.
  func text(_ method: String, _ path: String, _ body: String = "") async throws -> String {
    String(decoding: try await owner.send(method, path, body: Array(body.utf8)).body, as: UTF8.self)
  }
}
