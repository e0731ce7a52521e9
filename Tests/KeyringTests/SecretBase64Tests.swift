import Foundation
import SecretMemory
import Testing

@testable import Keyring

@Suite("Base64 of secrets")
struct SecretBase64Tests {
  private func decoded(_ text: String) -> [UInt8]? {
    guard let secret = SecretBase64.decode(Array(text.utf8)[...]) else { return nil }
    return secret.withUnsafeBytes { Array($0) }
  }

  @Test("it reads and writes what Foundation does, at every length")
  func agrees() {
    for count in 0..<100 {
      let bytes = (0..<count).map { _ in UInt8.random(in: .min ... .max) }
      var text: [UInt8] = []
      bytes.withUnsafeBytes { SecretBase64.append($0, to: &text) }
      let expected = Data(bytes).base64EncodedString()
      #expect(String(decoding: text, as: UTF8.self) == expected)
      #expect(text.count == SecretBase64.count(of: count))
      #expect(decoded(expected) == bytes)
    }
  }

  @Test(
    "anything else is refused",
    arguments: [
      "A", "AA", "AAA", "AQI", "AQ=I", "=AQI", "====", "A===", "AQ==AQ==", "AQJ=", "AR==", "A-_A", "AQ I",
      "AQI=\n", "\u{e9}AA",
    ])
  func refused(text: String) { #expect(decoded(text) == nil) }
}
