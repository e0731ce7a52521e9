import Testing

@testable import Sandbox

@Suite("Permission modes")
struct PermissionModeTests {
  @Test("safe gives nothing, dangerous everything, and trusted what stays inside and can be undone")
  func modes() {
    let trusted: Set<Permission> = [.longTimeout, .shellExpansion, .inlineScript, .writeGeneratedOrIgnored]
    for permission in Permission.allCases {
      #expect(!PermissionMode.safe.gives(permission))
      #expect(PermissionMode.dangerous.gives(permission))
      #expect(PermissionMode.trusted.gives(permission) == trusted.contains(permission))
    }
  }

  @Test("the names of permissions are those of the documents")
  func names() {
    #expect(
      Permission.allCases.map(\.rawValue) == [
        "network", "destructive_command", "long_timeout", "sensitive_env", "shell_expansion", "inline_script",
        "privileged_executable", "write_generated_or_ignored",
      ])
  }
}
