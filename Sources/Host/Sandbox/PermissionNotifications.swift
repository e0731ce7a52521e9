import ForeignText
import Foundation
import Sandbox
import Stores

/// Asks the owner on the desktop about each command that waits.
///
/// Where there is no desktop, or none that shows buttons, nothing happens: the owner is asked at the terminal all the same. A command that
/// is too long to be shown there whole is left to the terminal, too.
struct PermissionNotifications: Sendable {
  /// The longest command that is asked about, in bytes as it is shown.
  static let longest = 300

  let desk: PermissionDesk
  let agents: AgentStore

  /// Asks until the desk is closed, or the task cancelled.
  func run() async {
    var asked: (id: String, task: Task<Void, Never>)?
    while !Task.isCancelled {
      let (revision, requests, isOpen) = await desk.peek()
      guard isOpen else { break }
      if let old = asked, !requests.contains(where: { $0.id == old.id }) {
        old.task.cancel()
        await old.task.value
        asked = nil
      }
      if asked == nil, let next = requests.first(where: { Self.isShort($0) }) {
        asked = (next.id, Task { await ask(about: next) })
      }
      await desk.change(after: revision)
    }
    asked?.task.cancel()
    await asked?.task.value
  }

  static func isShort(_ request: PermissionRequest) -> Bool {
    VisibleText.escaped(request.command).utf8.count <= longest
  }

  private func ask(about request: PermissionRequest) async {
    let name = try? await agents.find(id: request.agent)?.name
    let answer = await Self.question(about: request, agent: name ?? request.agent.uuidString).ask {
      Task { await desk.markShown(request.id) }
    }
    // Whatever was decided meanwhile is decided.
    switch answer {
    case .first: _ = try? await desk.approve(request.id, .once)
    case .second: _ = try? await desk.deny(request.id)
    case .none: break
    }
  }

  static func question(about request: PermissionRequest, agent: String) -> DesktopQuestion {
    let wants = request.permissions.map(\.plainWords).joined(separator: "; ")
    return DesktopQuestion(
      title: "\(ForeignText.oneLine(agent, limit: 60)) asks to run a command",
      text: """
        \(VisibleText.escaped(request.command))
        It asks to: \(wants).
        """,
      first: "Allow once", second: "Deny")
  }
}
