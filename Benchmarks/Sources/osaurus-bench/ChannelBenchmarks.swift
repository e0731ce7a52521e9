import CSecp256k1Bare
import Crypto
import Foundation
import Identity
import SecureChannel

/// The wire format against the cryptography inside it.
enum ChannelBenchmarks {
  static let all: [Benchmark] = [
    Benchmark("call-16-KiB") { $0.measurements.append(try call(name: "16 KiB", size: 16 << 10, calls: 200)) },
    Benchmark("call-1-MiB") { $0.measurements.append(try call(name: "1 MiB", size: 1 << 20, calls: 8)) },
    Benchmark("frame") { $0.measurements.append(try frame()) },
    Benchmark("handshake") { $0.measurements.append(try handshake()) },
  ]

  private static func sessions() throws -> (ClientSession, ServerSession) {
    let agent = try MasterKey.generate().agentKey(AgentIndex(rawValue: 0))
    let now = Int64(Date().timeIntervalSince1970)
    let client = ClientHandshake(with: agent.address)
    let (answer, server) = try ServerHandshake.accept(client.hello, agentKey: agent, now: now)
    return (try client.finish(answer, now: now), server)
  }

  /// A call sealed by the client and opened by the server, JSON and base64url of both layers included.
  private static func call(name: String, size: Int, calls: Int) throws -> Measurement {
    let (client, server) = try sessions()
    let now = Int64(Date().timeIntervalSince1970)
    let body = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let request = InnerRequest(
      method: "POST", path: "/agents/x/run", authorization: "Bearer osk-v1.abc", accept: "text/event-stream",
      contentType: "application/json", body: body)
    let key = SymmetricKey(size: .bits256)
    let (ours, bare) = try SideBySide.time(calls: calls) {
      let (sealed, _) = client.seal(request)
      let opened = try sealed.withUnsafeBytes { try server.open(try CallRequest(parsing: $0), now: now) }
      precondition(opened.request.body?.count == size)
    } alternative: {
      let box = try ChaChaPoly.seal(body, using: key)
      consume(try ChaChaPoly.open(box, using: key))
    }
    return Measurement(
      name: "\(name) call through the v1 wire format, sealed and opened", ours: ours / 1000,
      alternative: bare / 1000, alternativeName: "ChaCha20-Poly1305 alone", unit: "µs", ratio: bare / ours,
      direction: .atLeast, floor: 0.35)
  }

  /// One small event of a stream.
  private static func frame() throws -> Measurement {
    let (client, server) = try sessions()
    let now = Int64(Date().timeIntervalSince1970)
    let (sealed, _) = client.seal(InnerRequest(method: "POST", path: "/agents/x/run"))
    let opened = try sealed.withUnsafeBytes { try server.open(try CallRequest(parsing: $0), now: now) }
    let event = [UInt8](repeating: UInt8(ascii: "x"), count: 64)
    let key = SymmetricKey(size: .bits256)
    let additional = Array("osaurus-sc1:resp:EBESExQVFhcYGRobHB0eHw:1:1:0".utf8)
    let (ours, bare) = try SideBySide.time(calls: 5000) {
      consume(try event.withUnsafeBytes { try opened.sealer.sealEvent($0, isLast: false) })
    } alternative: {
      consume(try ChaChaPoly.seal(event, using: key, authenticating: additional))
    }
    return Measurement(
      name: "64-byte SSE frame, sealed and encoded", ours: ours / 1000, alternative: bare / 1000,
      alternativeName: "the AEAD call alone", unit: "µs", ratio: ours / bare, direction: .atMost, floor: 3)
  }

  /// The server's half of a handshake, from the bytes of the hello to the bytes of the answer.
  private static func handshake() throws -> Measurement {
    let agent = try MasterKey.generate().agentKey(AgentIndex(rawValue: 0))
    let now = Int64(Date().timeIntervalSince1970)
    let hello = ClientHandshake(with: agent.address).hello.encoded()
    let peer = Curve25519.KeyAgreement.PrivateKey().publicKey

    guard let context = secp256k1_context_create(UInt32(SECP256K1_CONTEXT_NONE)) else {
      preconditionFailure("libsecp256k1 gave no context")
    }
    defer { secp256k1_context_destroy(context) }
    let digest = [UInt8](repeating: 7, count: 32)
    let secret = [UInt8](repeating: 1, count: 32)

    let (ours, bare) = try SideBySide.time(calls: 200) {
      let parsed = try hello.withUnsafeBytes { try ClientHello(parsing: $0) }
      let (answer, session) = try ServerHandshake.accept(parsed, agentKey: agent, now: now)
      consume(answer.encoded())
      consume(session)
    } alternative: {
      let key = Curve25519.KeyAgreement.PrivateKey()
      consume(key.publicKey)
      consume(try key.sharedSecretFromKeyAgreement(with: peer))
      var signature = secp256k1_ecdsa_recoverable_signature()
      precondition(secp256k1_ecdsa_sign_recoverable(context, &signature, digest, secret, nil, nil) == 1)
      consume(signature)
    }
    return Measurement(
      name: "server handshake, bytes in to bytes out", ours: ours / 1000, alternative: bare / 1000,
      alternativeName: "X25519 key pair + agreement + secp256k1 signature", unit: "µs", ratio: ours / bare,
      direction: .atMost, floor: 1.3)
  }
}
