import Foundation
import Testing

@Suite("The systemd unit")
struct ServiceUnitTests {
  @Test("it loads the encrypted credentials that lie beside the settings, and no others")
  func credentials() async throws {
    try await Program.run { program in
      let plain = try await program("service", "show")
      #expect(plain.status == 0)
      #expect(!plain.output.contains("LoadCredential"))
      let configuration = program.home + "/config"
      for name in ["osaurus-keys.cred", "osaurus-passphrase.cred", "other.cred"] {
        try Data("x".utf8).write(to: URL(filePath: "\(configuration)/\(name)"))
      }
      let unit = try await program("service", "show").output.split(separator: "\n").map(String.init)
      #expect(
        unit.filter { $0.hasPrefix("LoadCredential") } == [
          "LoadCredentialEncrypted=osaurus-keys:\(configuration)/osaurus-keys.cred",
          "LoadCredentialEncrypted=osaurus-passphrase:\(configuration)/osaurus-passphrase.cred",
        ])
    }
  }
}
