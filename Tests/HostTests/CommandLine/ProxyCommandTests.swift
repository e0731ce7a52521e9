import Foundation
import Testing

@Suite("osaurus-host connect proxy", .serialized, .timeLimit(.minutes(10)))
struct ProxyCommandTests {
  /// A program that knows a host, which is not there.
  private func withPeer(named name: String, _ body: (Program) async throws -> Void) async throws {
    try await Program.run(isMade: false) { program in
      let keyFile = program.home + "/peer.key"
      _ = FileManager.default.createFile(
        atPath: keyFile, contents: Data("osk-v1.e30.c2ln".utf8), attributes: [.posixPermissions: 0o600])
      let added = try await program(
        "connect", "add", name, "--url", "http://127.0.0.1:1", "--address",
        "0x9858EfFD232B4033E47d90003D41EC34EcaEda94", "--key-file", keyFile, "--keystore", "file",
        "--no-check")
      try #require(added.status == 0, "\(added)")
      // Units are written below this folder, and not into the home of whoever runs the tests.
      var program = program
      program.environment["XDG_CONFIG_HOME"] = program.home + "/xdg"
      try await body(program)
    }
  }

  @Test("a host that is not known is 4, and ports and tokens that make no sense are refused")
  func refused() async throws {
    try await withPeer(named: "home") { program in
      #expect(try await program("connect", "proxy", "elsewhere", "--port", "0").status == 4)
      #expect(try await program("connect", "proxy", "home", "--port", "70000").status == 2)
      #expect(try await program("connect", "proxy", "home", "--install-unit", "--remove-unit").status == 2)
      let missing = try await program("connect", "proxy", "home", "--token-file", program.home + "/token")
      #expect(missing.status == 4)
      #expect(missing.errors.contains("umask 077"))
      let token = program.home + "/token"
      _ = FileManager.default.createFile(
        atPath: token, contents: Data("short".utf8), attributes: [.posixPermissions: 0o600])
      #expect(try await program("connect", "proxy", "home", "--token-file", token).status == 2)
      _ = FileManager.default.createFile(
        atPath: token, contents: Data("long-enough-for-a-token".utf8), attributes: [.posixPermissions: 0o644])
      let open = try await program("connect", "proxy", "home", "--token-file", token)
      #expect(open.status == 1)
      #expect(!open.errors.contains("long-enough"))
    }
  }

  @Test("its unit is named for the host, runs the proxy to it, and is removed again")
  func unit() async throws {
    try await withPeer(named: "the host at home") { program in
      let installed = try await program(
        "connect", "proxy", "the host at home", "--port", "8080", "--install-unit")
      #expect(installed.status == 0, "\(installed)")
      let file =
        program.home + #"/xdg/systemd/user/osaurus-host-proxy-the\x20host\x20at\x20home.service"#
      let unit = try String(contentsOfFile: file, encoding: .utf8)
      #expect(unit.contains(#"connect proxy --port 8080 -- "the host at home""#))
      #expect(unit.contains("Environment=\"OSAURUS_HOME=\(program.home)\""))
      #expect(!unit.contains("osk-v1"))
      #expect(try await program("connect", "proxy", "the host at home", "--remove-unit").status == 0)
      #expect(!FileManager.default.fileExists(atPath: file))
      #expect(try await program("connect", "proxy", "the host at home", "--remove-unit").status == 4)
    }
  }
}
