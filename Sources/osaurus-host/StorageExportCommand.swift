import ArgumentParser
import Foundation
import Host
import Keyring
import SecretMemory
import Storage

/// What an export is sealed to; it is asked for once, and used by a task of its own.
final class ExportPassphrase: Sendable {
  let bytes: SecretBytes?

  private init(_ bytes: consuming SecretBytes?) { self.bytes = bytes }

  static var none: ExportPassphrase { ExportPassphrase(nil) }

  /// Asks for a new one, as it is typed: another program has to take it for the same. Twice on a terminal, one line from
  /// a pipe.
  static func new() throws -> ExportPassphrase {
    let first = try Terminal.readSecret(prompt: "Passphrase for the export: ")
    guard first.count >= Passphrase.minimum else {
      throw KeyringError.shortPassphrase(minimum: Passphrase.minimum)
    }
    if Terminal.inputIsTerminal {
      let second = try Terminal.readSecret(prompt: "The same once more: ")
      guard first.isEqual(to: second) else {
        throw CommandFailure(.failed, "not_the_same", "The two passphrases differ; nothing was written.")
      }
    }
    return ExportPassphrase(first)
  }

  /// Asks for the one that a file was sealed to.
  static func known() throws -> ExportPassphrase {
    ExportPassphrase(try Terminal.readSecret(prompt: "Passphrase of the export: "))
  }
}

extension StorageCommand {
  struct Export: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Write everything that is stored to a folder or an archive, sealed to a passphrase or plain.",
      discussion: """
        Example: osaurus-host storage export ~/backup/osaurus.tar.age

        The name says in which form: FILE.tar.age is sealed to a passphrase, which is asked for twice and not shown (or \
        read as one line from a pipe), and opens with 'age -d' anywhere; FILE.tar is a plain archive, and any other name \
        a plain folder. Plain ones ask first, and need --yes without a terminal.

        All databases and attachments are in it, and no key. To be the same host elsewhere you need the 24 words. It works with the \
        service running or stopped.
        """)

    @Argument(
      help: "Where to: FILE.tar.age, FILE.tar or a folder; nothing may be there yet.", completion: .file())
    var target: String
    @Flag(name: .customLong("passphrase"), help: "Seal it to a passphrase; the name has to end in .tar.age.")
    var wantsPassphrase = false
    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let path = Self.withoutSlash(target)
      let form = ExportTarget.Form(path: path)
      guard form == .sealed || !wantsPassphrase else {
        throw CommandFailure.wrongUsage("What is sealed to a passphrase needs a name that ends in .tar.age.")
      }
      let folders = try await OpenHost.finishedFolders()
      let storage = try HostStorage(
        folders: folders,
        settings: HostSettings.load(folders: folders, environment: ProcessInfo.processInfo.environment))
      try ExportTarget.check(path, form: form)
      let passphrase: ExportPassphrase
      if form == .sealed {
        passphrase = try .new()
      } else {
        try confirmPlain()
        passphrase = .none
      }
      let line = ProgressLine(isQuiet: output.json || !Terminal.isDecorated(.error))
      let summary = try await Interruption.run(saying: "Interrupted. What was begun was removed.") {
        defer { line.clear() }
        return try StorageExport(storage).run(to: path, form: form, passphrase: passphrase.bytes) { step in
          line.show("\(step.done + 1) of \(step.all)  \(step.part)")
        }
      }
      if output.json { return Terminal.say(try JSONText.encode(summary)) }
      Terminal.say(
        "Exported to \(Terminal.harmless(path)): \(StorageCommand.words(summary.databases, summary.rows, summary.attachments))."
      )
      Terminal.say("No key is in it. To be the same host elsewhere you need the 24 words.")
      Terminal.say("Look whether it is whole: osaurus-host storage import --check \(ShellWord.quoted(path))")
    }

    private func confirmPlain() throws {
      Terminal.note(
        """
        This export is NOT encrypted: whoever gets it reads every conversation, everything that agents remember and \
        every attachment. A name that ends in .tar.age seals it to a passphrase.
        """)
      guard confirmation.yes || Terminal.inputIsTerminal else {
        throw CommandFailure.wrongUsage("Pass --yes to write a plain export without a terminal.")
      }
      try Terminal.confirm("Write it unencrypted?", assumingYes: confirmation.yes)
    }

    private static func withoutSlash(_ path: String) -> String {
      var path = path
      while path.count > 1, path.hasSuffix("/") { path.removeLast() }
      return path
    }
  }

  static func words(_ databases: Int, _ rows: Int, _ attachments: Int) -> String {
    "\(databases) databases with \(rows) rows, \(attachments) attachment\(attachments == 1 ? "" : "s")"
  }
}
