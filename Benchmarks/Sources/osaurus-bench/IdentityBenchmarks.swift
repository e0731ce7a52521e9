import CSecp256k1Bare
import Foundation
import Identity

/// Access keys against the one curve operation that they cannot do without.
enum IdentityBenchmarks {
  static let all = [Benchmark("access-key") { try validation(into: &$0) }]

  private static func validation(into report: inout Report) throws {
    let master = try MasterKey.generate()
    let now = Int64(Date().timeIntervalSince1970)
    let validator = AccessKeyValidator(rules: .init(master: master.address))
    // Every key is new to the validator, which remembers none anyway.
    let keys = (0..<64).map { counter in
      AccessKeyMint.mint(
        by: master.signingKey, label: "laptop", counter: UInt64(counter), expiry: .days90, issuedAt: now,
        nonce: UUID()
      ).withText { Array($0.utf8) }
    }

    guard let context = secp256k1_context_create(UInt32(SECP256K1_CONTEXT_NONE)) else { return }
    defer { secp256k1_context_destroy(context) }
    let digest = [UInt8](repeating: 7, count: 32)
    var secret = [UInt8](repeating: 1, count: 32)
    var signature = secp256k1_ecdsa_recoverable_signature()
    _ = secp256k1_ecdsa_sign_recoverable(context, &signature, digest, &secret, nil, nil)

    var next = 0
    let (ours, recovery) = SideBySide.time(calls: 200) {
      next = (next + 1) % keys.count
      let verdict = keys[next].withUnsafeBytes { validator.validate($0, now: now) }
      guard case .valid = verdict else { preconditionFailure("a good key was refused") }
    } alternative: {
      var key = secp256k1_pubkey()
      precondition(secp256k1_ecdsa_recover(context, &key, &signature, digest) == 1)
      consume(key)
    }
    report.measurements.append(
      Measurement(
        name: "access key, never seen before, validated", ours: ours / 1000, alternative: recovery / 1000,
        alternativeName: "one secp256k1 recovery", unit: "µs", ratio: ours / recovery, direction: .atMost,
        floor: 1.15))
  }
}
