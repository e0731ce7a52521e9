/// What a command may need besides the sandbox that it runs in anyway. What each one means exactly is in `Docs/SANDBOX.md`.
public enum Permission: String, Codable, CaseIterable, Hashable, Sendable {
  /// To reach other machines, or to run a program that is there for that.
  case network
  /// To remove or overwrite for good.
  case destructiveCommand = "destructive_command"
  /// To run for more than 300 seconds.
  case longTimeout = "long_timeout"
  /// A variable whose name or value looks like a secret.
  case sensitiveEnvironment = "sensitive_env"
  /// What runs, or a part of it, is made by the shell only when it runs.
  case shellExpansion = "shell_expansion"
  /// A program that is written in the command itself, for an interpreter.
  case inlineScript = "inline_script"
  /// A program that is there to gain or to use privileges.
  case privilegedExecutable = "privileged_executable"
  /// To write into a workspace where git ignores it, or where tools put what they generate.
  case writeGeneratedOrIgnored = "write_generated_or_ignored"

  /// What a person calls it.
  public var plainWords: String {
    switch self {
    case .network: "use the network"
    case .destructiveCommand: "remove or overwrite things"
    case .longTimeout: "run for more than 300 seconds"
    case .sensitiveEnvironment: "be given a variable that looks like a secret"
    case .shellExpansion: "run what is known only when it runs"
    case .inlineScript: "run a script that is in the command itself"
    case .privilegedExecutable: "run a program that is for administrators"
    case .writeGeneratedOrIgnored: "write where git ignores it or tools generate"
    }
  }
}

/// How much the owner lets an agent do without being asked.
public enum PermissionMode: String, Codable, CaseIterable, Hashable, Sendable {
  /// Every permission is asked for.
  case safe
  /// What stays within the sandbox, and can be undone, is not asked for.
  case trusted
  /// Nothing is asked for. The sandbox is the same.
  case dangerous

  /// Whether a permission is given without asking.
  public func gives(_ permission: Permission) -> Bool {
    switch (self, permission) {
    case (.safe, _): false
    case (.dangerous, _): true
    case (.trusted, .longTimeout), (.trusted, .shellExpansion), (.trusted, .inlineScript),
      (.trusted, .writeGeneratedOrIgnored):
      true
    case (.trusted, .network), (.trusted, .destructiveCommand), (.trusted, .sensitiveEnvironment),
      (.trusted, .privilegedExecutable):
      false
    }
  }
}
