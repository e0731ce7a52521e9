import ArgumentParser
import Foundation
import Host
import Keyring
import Storage

extension StorageCommand {
  struct Import: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Take in what 'storage export' wrote, into a host that holds nothing yet.",
      discussion: """
        Example: osaurus-host storage import ~/backup/osaurus.tar.age

        The host has to be of the same identity: on a new machine, run 'osaurus-host recover' with the 24 words first. The \
        service has to be stopped. Everything is compared with its checksums, and looked at, before anything is in its \
        place; nothing that exists is overwritten. Where it fails or is interrupted, the host is as it was.

        --check does all of that and imports nothing; it needs no host.
        """)

    @Argument(help: "What was exported: a folder, a .tar or a .tar.age.", completion: .file())
    var source: String
    @Flag(name: .long, help: "Only look whether everything is whole and would be taken.")
    var check = false
    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let form = try ExportSource.form(of: source)
      let line = ProgressLine(isQuiet: output.json || !Terminal.isDecorated(.error))
      let summary: StorageImport.Summary
      if check {
        let place = Self.placeToCheck
        let passphrase = form == .sealed ? try ExportPassphrase.known() : .none
        summary = try await Interruption.run(saying: "Interrupted. Nothing was changed.") { [source] in
          defer { line.clear() }
          return try StorageImport.check(source, passphrase: passphrase.bytes, in: place) { line.show($0) }
        }
      } else {
        let folders = try await OpenHost.finishedFolders()
        let settings = try HostSettings.load(
          folders: folders, environment: ProcessInfo.processInfo.environment)
        let host = StorageImport(folders: folders)
        try host.requireFresh(settings)
        try Terminal.confirm(
          "Import \(Terminal.harmless(source, on: .error)) into the host in \(folders.data.path)?",
          assumingYes: confirmation.yes)
        let passphrase = form == .sealed ? try ExportPassphrase.known() : .none
        summary = try await Interruption.run(saying: "Interrupted. The host is as it was.") { [source] in
          defer { line.clear() }
          return try host.run(source, settings: settings, passphrase: passphrase.bytes) { line.show($0) }
        }
      }
      if output.json { return Terminal.say(try JSONText.encode(summary)) }
      let made = summary.made.formatted(.iso8601)
      let words = StorageCommand.words(summary.databases, summary.rows, summary.attachments)
      guard summary.imported else {
        return Terminal.say(
          "Whole: \(words), exported at \(made) from \(Terminal.harmless(summary.address)).")
      }
      Terminal.say("Imported: \(words), as they were at \(made). All of it is as it was exported.")
      Terminal.say(
        """
        Keys that were revoked after that are good again, unless old keys were shut when the words were entered; \
        'osaurus-host identity shut-keys' shuts them all.
        """)
    }

    /// Where what is checked may lie meanwhile, encrypted under a key that is nowhere else: in the data folder of the host, if
    /// there is one.
    private static var placeToCheck: URL {
      if let data = try? OpenHost.folders().data, FileManager.default.fileExists(atPath: data.path) {
        return data
      }
      return FileManager.default.temporaryDirectory
    }
  }
}

extension ProgressLine {
  fileprivate func show(_ step: StorageVerification.Progress) {
    show("\(step.done + 1) of \(step.all)  \(step.part)")
  }
}
