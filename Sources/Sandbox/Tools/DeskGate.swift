public import Foundation

/// Asks the permission desk before an agent's tools start something or change a file.
public struct DeskGate: ToolGate {
  private let desk: PermissionDesk
  private let agent: UUID
  private let profile: SandboxProfile

  public init(_ desk: PermissionDesk, for agent: UUID, in profile: SandboxProfile) {
    self.desk = desk
    self.agent = agent
    self.profile = profile
  }

  public func admit(_ act: ToolAct) async throws {
    var draft =
      switch act.work {
      case .shell(let text): CommandDraft(.shell(text))
      case .words(let words): CommandDraft(.words(words))
      // What a script does is judged, and not what the file is called that it is put into.
      case .script(let text, let interpreter, let arguments):
        CommandDraft(
          .words(
            [interpreter, interpreter == "node" || interpreter == "perl" ? "-e" : "-c", text] + arguments))
      case .install(let manager, let packages):
        CommandDraft(.words(InstallTool.words(manager, packages)))
      }
    draft.folder = act.folder
    draft.isLong = act.isLong
    draft.wantsNetwork = act.wantsNetwork
    draft.variables = act.variables
    draft.tools = act.tools
    try await desk.authorise(draft, for: agent, in: profile)
  }

  public func admitWrite(_ path: SandboxPath) async throws {
    try await desk.authoriseWrite(path, for: agent, in: profile)
  }
}

extension PermissionRequired: ToolRefusal {
  public var failure: ToolFailure {
    var metadata: [String: ToolValue] = [
      "code": .string(code), "how_to_ask": .string(nextStep), "needs": needs.asValue,
    ]
    metadata["permission"] = (needs.first?.permission.rawValue).map { .string($0) }
    metadata["request"] = request.map { .string($0) }
    metadata["expires_at"] = expiresAt.map { .string($0.formatted(.iso8601)) }
    return ToolFailure(.rejected, message, isRetryable: true, metadata: metadata)
  }
}

extension PermissionDenied: ToolRefusal {
  public var failure: ToolFailure {
    ToolFailure(.userDenied, message, metadata: ["code": .string(code), "needs": needs.asValue])
  }
}

extension JudgeRefusal: ToolRefusal {
  public var failure: ToolFailure {
    ToolFailure(.invalidArguments, message, field: "command", expected: "a command that can be judged")
  }
}

extension [PermissionNeed] {
  fileprivate var asValue: ToolValue {
    .array(
      map { need in
        [
          "permission": .string(need.permission.rawValue),
          "evidence": .array(
            need.evidence.map { ["text": .string($0.text), "reason": .string($0.reason)] }),
        ]
      })
  }
}
