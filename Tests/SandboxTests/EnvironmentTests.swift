import Foundation
import Testing

@testable import Sandbox

@Suite("The environment of a command")
struct EnvironmentTests {
  @Test(
    "lets no name pass that makes a program load or run something else",
    arguments: [
      "LD_PRELOAD", "LD_LIBRARY_PATH", "ld_audit", "BASH_ENV", "BASH_FUNC_x", "ENV", "PYTHONPATH",
      "PYTHONSTARTUP", "NODE_OPTIONS",
      "GIT_SSH_COMMAND", "PERL5OPT", "RUBYOPT", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "GCONV_PATH",
      "GLIBC_TUNABLES",
      "PROMPT_COMMAND", "IFS", "LESSOPEN", "PAGER", "EDITOR", "DYLD_INSERT_LIBRARIES", "SSH_AUTH_SOCK",
      "DBUS_SESSION_BUS_ADDRESS",
      "OSAURUS_HOME", "XDG_RUNTIME_DIR", "DISPLAY",
    ])
  func hooks(name: String) {
    var environment = SandboxEnvironment()
    #expect(throws: SandboxError.variableRefused(name: name, .hook)) { try environment.set(name, to: "x") }
  }

  @Test(
    "refuses a name that is a secret's, and says which",
    arguments: [
      "GH_TOKEN", "MY_SECRET", "DB_PASSWORD", "API_KEY", "apikey", "AWS_ACCESS_KEY_ID", "SESSION",
      "SERVICE_CREDENTIALS",
    ])
  func secretNames(name: String) {
    var environment = SandboxEnvironment()
    let error = #expect(throws: SandboxError.self) { try environment.set(name, to: "x") }
    #expect(error?.description.contains(name) == true)
    #expect(error?.nextStep?.contains("as a secret") == true)
  }

  @Test(
    "refuses a value that looks like a key",
    arguments: [
      "sk-abcdef", "ghp_16C7e42F292c6912E7", "AKIAIOSFODNN7EXAMPLE", "xoxb-1-2", "eyJhbGciOiJIUzI1NiJ9.e30.x",
      "-----BEGIN OPENSSH PRIVATE KEY-----", "https://me:word@example.org/", "x ghp_1234",
      "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
      "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about",
    ])
  func secretValues(value: String) {
    var environment = SandboxEnvironment()
    #expect(throws: SandboxError.variableRefused(name: "NOTE", .secretValue)) {
      try environment.set("NOTE", to: value)
    }
  }

  @Test(
    "passes ordinary variables",
    arguments: [
      ("TZ", "Europe/Berlin"), ("CI", "true"), ("BUILD_NUMBER", "1204"), ("GREETING", "hello, you"),
    ])
  func ordinary(name: String, value: String) throws {
    var environment = SandboxEnvironment()
    try environment.set(name, to: value)
    #expect(environment.variables == [name: value])
  }

  @Test("refuses names and values that are none", arguments: ["", "1A", "A B", "A=B", "É", "_", "A\0"])
  func malformed(name: String) {
    var environment = SandboxEnvironment()
    #expect(throws: SandboxError.variableRefused(name: name, .malformedName)) {
      try environment.set(name, to: "x")
    }
    #expect(throws: SandboxError.variableRefused(name: "A", .malformedValue)) {
      try environment.set("A", to: "x\0")
    }
    #expect(throws: SandboxError.variableRefused(name: "HOME", .reserved)) {
      try environment.set("HOME", to: "/")
    }
  }

  @Test("takes what the owner named from another one, and leaves out what may not pass")
  func taking() {
    var environment = SandboxEnvironment()
    let refused = environment.take(
      ["TZ", "LD_PRELOAD", "NOTE", "ABSENT"],
      from: ["TZ": "UTC", "LD_PRELOAD": "x", "NOTE": "sk-123", "OTHER": "x"])
    #expect(environment.variables == ["TZ": "UTC"])
    #expect(refused == ["LD_PRELOAD": .hook, "NOTE": .secretValue])
  }

  @Test("has the agent's secrets inside, and their names again in what the command says")
  func secrets() async throws {
    let ground = try Ground()
    let value = "a secret value, with \"quotes\" & more"
    let result = try await ground.shell(
      "test \"$SERVICE_TOKEN\" = 'a secret value, with \"quotes\" & more' && echo \"it is $SERVICE_TOKEN.\"; echo \"$SERVICE_TOKEN\" >&2"
    ) {
      try $0.environment.add(AgentSecret(name: "SERVICE_TOKEN", text: value))
    }
    #expect(result.standardOutput.text == "it is [REDACTED:SERVICE_TOKEN].\n")
    #expect(result.standardError.text == "[REDACTED:SERVICE_TOKEN]\n")
  }

  @Test("gives no secret a name that means something else")
  func secretsNames() {
    var environment = SandboxEnvironment()
    for name in ["PATH", "LD_PRELOAD", "BASH_ENV", "OSAURUS_PLUGIN", "A-B"] {
      #expect(throws: SandboxError.self) { try environment.add(AgentSecret(name: name, text: "value")) }
    }
  }

  @Test("hides a secret that is said in pieces, on a terminal, too")
  func pieces() async throws {
    let ground = try Ground()
    let script =
      "printf 'x%s' \"${PIN%?????}\"; sleep 0.2; printf '%s' \"${PIN#???}\"; printf '\\n%s\\n' \"$LINES_KEY\""
    let result = try await ground.shell(script) {
      try $0.environment.add(AgentSecret(name: "PIN", text: "12345678"))
      try $0.environment.add(AgentSecret(name: "LINES_KEY", text: "first line\nsecond line"))
      $0.terminal = ExecutionRequest.TerminalSize(columns: 80, rows: 24)
    }
    #expect(result.standardOutput.text == "x[REDACTED:PIN]\r\n[REDACTED:LINES_KEY]\r\n")
  }
}

@Suite("The scrubber of output")
struct OutputScrubberTests {
  private func scrubbed(_ text: String, pieces: Int, _ secrets: [AgentSecret]) -> String {
    var scrubber = OutputScrubber(secrets, onTerminal: false)
    let bytes = Array(text.utf8)
    var shown: [UInt8] = []
    var start = 0
    while start < bytes.count {
      shown += scrubber.pass(Array(bytes[start..<min(bytes.count, start + pieces)]))
      start += pieces
    }
    return String(decoding: shown + scrubber.finish(), as: UTF8.self)
  }

  @Test("hides every secret, the longest first, wherever the pieces end", arguments: 1...12)
  func hides(pieces: Int) {
    let secrets = [
      AgentSecret(name: "A", text: "abcdef"), AgentSecret(name: "B", text: "abcdefgh"),
      AgentSecret(name: "S", text: "short"),
    ]
    #expect(scrubbed("abcdef", pieces: pieces, secrets) == "[REDACTED:A]")
    #expect(scrubbed("xabcdefghy", pieces: pieces, secrets) == "x[REDACTED:B]y")
    #expect(scrubbed("abcdefg abcde short", pieces: pieces, secrets) == "[REDACTED:A]g abcde short")
    #expect(scrubbed("ababcdefabcdefgh", pieces: pieces, secrets) == "ab[REDACTED:A][REDACTED:B]")
  }

  @Test("holds back no more than what may be the beginning of a secret")
  func prompt() {
    var scrubber = OutputScrubber([AgentSecret(name: "A", text: "abcdef")], onTerminal: false)
    #expect(scrubber.pass(Array("Name? abc".utf8)) == Array("Name? ".utf8))
    #expect(scrubber.pass(Array("x".utf8)) == Array("abcx".utf8))
  }
}
