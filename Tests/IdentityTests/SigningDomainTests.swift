import Testing

@testable import Identity

@Suite("Signing domains")
struct SigningDomainTests {
  @Test(
    "the digest of a payload is that of an independent implementation",
    arguments: [
      (SigningDomain.message, "d01227d1f547a0d28e6fcfd0b4c1ca55205a59e9b06c710c76aea14ac71a86dd"),
      (.access, "5bdddb614d50d006ddf7bc982a22e1132eed95014b4178a0a1c2956e4b3cc692"),
      (.pairing, "ece6c24adb40371dc695e4b66102a4cacdc7a29f9ca2fe3cbef0dc509ad482a4"),
      (.pairingServer, "db826aff429e8a0b5f10c2e0f61c21eb4cb4069ae82b64969031528f2e559931"),
      (.invite, "14833d027edacb223ede66cb7cf2cbd7ff9792a5050e80585576a4e6f1cad8ec"),
      (.secureChannel, "7ff257a115cbecd8606a264149844469616d54c861d6b7541451c29e4f5400c9"),
      (.ethereum, "95ac67d56e37f2a1e1d5d792fea581037d1973232c08086918115917d5a85fbf"),
      (.audit, "39c82f5c79da5f90ecc1e618afe9b592552dfcd5365c9a8ae9dd42c075934971"),
    ])
  func digests(domain: SigningDomain, digest: String) {
    #expect(Hex.string(domain.digest(of: Array("test payload".utf8))) == digest)
  }

  @Test("the digest covers the length in bytes, as decimal digits")
  func length() {
    for count in [0, 1, 9, 10, 99, 100, 1000] {
      let payload = [UInt8](repeating: 0x61, count: count)
      let envelope = [0x19] + Array("Osaurus Signed Invite:\n\(count)".utf8) + payload
      #expect(SigningDomain.invite.digest(of: payload) == Keccak256.hash(envelope))
    }
  }

  @Test("no domain's prefix is another's, so that no signature passes for one of another domain")
  func apart() throws {
    #expect(Set(SigningDomain.allCases.map(\.rawValue)).count == 8)
    let key = try MasterKey.alice().signingKey
    let payload = Array("payload".utf8)
    for made in SigningDomain.allCases {
      let signature = key.sign(payload, in: made)
      for read in SigningDomain.allCases {
        #expect((signature.recoverAddress(of: payload, in: read) == key.address) == (made == read))
      }
    }
  }
}
