import Foundation
import SecretMemory

/// `systemd-ask-password`, which asks whoever watches for such questions: the console at boot, a desktop, or
/// `systemd-tty-ask-password-agent`.
struct AskPassword {
  private let program: ChildProgram

  init?() {
    guard let program = ChildProgram("systemd-ask-password") else { return nil }
    self.program = program
  }

  /// The one of this system; nil where systemd does not run, since nobody would see the question.
  static var ofThisSystem: AskPassword? {
    FileManager.default.fileExists(atPath: "/run/systemd/system") ? AskPassword() : nil
  }

  /// Asks, and gives up after `patience`.
  /// - Throws: ``KeyringError/notAnswered``, ``KeyringError/askingNotPermitted`` or
  ///   ``KeyringError/programFailed(_:reason:)``.
  func ask(
    _ question: String, id: String = "osaurus-host", patience: Duration = .seconds(90)
  ) throws(KeyringError) -> SecretBytes {
    let seconds = Int((patience / .seconds(1)).rounded(.up))
    let outcome = try program.run(
      ["--no-tty", "-n", "--id=\(id)", "--timeout=\(seconds)", "--", question],
      input: SecretBytes(count: 0) { _ in }, patience: patience + .seconds(5))
    guard outcome.status == 0, outcome.output.count > 0 else {
      if outcome.words.contains("Permission denied") { throw .askingNotPermitted }
      if outcome.status == 0 || outcome.words.contains("Timer expired") || outcome.words.isEmpty {
        throw .notAnswered
      }
      throw .programFailed("systemd-ask-password", reason: outcome.words)
    }
    return outcome.output.copy()
  }
}
