import ArgumentParser
import Foundation
import Host
import Keyring

/// Once a day, on a terminal, a word about words that nobody has shown to have written down.
enum WordsReminder {
  static func show(before command: any ParsableCommand) {
    guard Terminal.isShown(.error), !isAboutWords(command), let folders = try? OpenHost.folders(),
      WordsAcknowledgement(folders: folders).isMissing
    else { return }
    // The time of this empty file is when it was last said.
    let mark = folders.state.appending(path: "words-reminder")
    let attributes = try? FileManager.default.attributesOfItem(atPath: mark.path)
    if let last = attributes?[.modificationDate] as? Date, abs(last.timeIntervalSinceNow) < 24 * 60 * 60 {
      return
    }
    Terminal.note(
      "The 24 words of this host are not confirmed; if they are lost with this machine, so is your identity.")
    Terminal.note("  Confirm them: osaurus-host identity confirm")
    try? PrivateFile.replace(mark, with: [])
  }

  private static func isAboutWords(_ command: any ParsableCommand) -> Bool {
    command is InitCommand || command is RecoverCommand || command is IdentityShow
      || command is IdentityConfirm
      || command is IdentityPhrase || command is IdentityResetCommand
  }
}
