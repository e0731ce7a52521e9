import ArgumentParser
import Foundation
import Host
import Keyring

/// `keystore`: where the keys rest.
struct KeystoreCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keystore",
    abstract: "See where the keys of this host rest, and move them elsewhere.",
    discussion: "Example: osaurus-host keystore show",
    subcommands: [Show.self, Move.self])

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show which key store is used, whether it answers, and which items are in it.",
      discussion: """
        Example: osaurus-host keystore show --json

        Only names are shown. Nothing is unlocked, and nobody is asked for a passphrase.
        """)

    @OptionGroup var output: OutputOptions

    func run() async throws {
      let reports = try HostKeyStores(folders: OpenHost.folders()).reports()
      if output.json { return Terminal.say(try JSONText.encode(reports.map(Row.init))) }
      for report in reports {
        let place = report.file.map { " (\($0.path))" } ?? ""
        let whose = report.tenant == .host ? "The keys of this host" : "The keys for other hosts"
        Terminal.say("\(whose) rest in '\(report.choice.current.rawValue)'\(place).")
        if let problem = report.problem {
          Terminal.say("  It does not answer: \(problem)")
        } else {
          Terminal.say("  It answers. It holds: \(report.items.isEmpty ? "nothing" : "")")
          for item in report.items { Terminal.say("    \(Terminal.harmless(item))") }
        }
        if let end = Row(report).unfinished {
          Terminal.say("  A move was interrupted. End it with: osaurus-host keystore move --to \(end)")
        }
      }
    }

    /// The keys of one tenant as scripts get them.
    private struct Row: Encodable {
      /// `host` or `connector`.
      let owner: String
      let keystore: String
      let path: String?
      let answers: Bool
      let problem: String?
      let items: [String]
      /// The store that ends an interrupted move, given to `keystore move --to`.
      let unfinished: String?

      init(_ report: HostKeyStores.Report) {
        owner = report.tenant.rawValue
        keystore = report.choice.current.rawValue
        path = report.file?.path
        answers = report.problem == nil
        problem = report.problem?.description
        items = report.items
        unfinished =
          report.choice.isUnfinished
          ? (report.choice.copyingTo ?? report.choice.current).rawValue : nil
      }
    }
  }

  struct Move: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Move all keys to another key store, while no service runs.",
      discussion: """
        Example: osaurus-host keystore move --to passphrase

        Every key is copied, read back and compared; then the setting is changed, and only then are the keys removed \
        from where they were. After an interruption the host still opens, and the same command does what is left. \
        Moving to 'passphrase' asks for one twice (without a terminal: one line from standard input). Moving to 'file' \
        asks whether you mean it, since that protects least.
        """)

    @Option(help: "Where to: secret-service, passphrase, systemd-credential or file.")
    var to: KeyStoreKind
    @OptionGroup var confirmation: ConfirmationOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let folders = try OpenHost.folders()
      let before = try HostKeyStores(folders: folders).reports()
      let isThere = before.allSatisfy { $0.choice.current == to }
      if to == .file, !isThere, !confirmation.yes {
        Terminal.note(HostKeyStore.plainWords(.file))
        try Terminal.confirm("Move the keys there?", assumingYes: false)
      }
      let passphrases =
        isThere ? SystemPassphraseSource() : try NewPassphrase.source(for: to, in: folders)
      let items = try HostKeyStores(folders: folders, passphrases: passphrases).move(to: to)
      if output.json {
        struct Row: Encodable {
          let keystore: String
          let items: [String]
        }
        return Terminal.say(try JSONText.encode(Row(keystore: to.rawValue, items: items)))
      }
      Terminal.say("The keys rest in '\(to.rawValue)': \(Terminal.harmless(items.joined(separator: ", "))).")
      Terminal.say(HostKeyStore.plainWords(to))
      if to == .systemdCredential {
        Terminal.say("For the service to have its credential: osaurus-host service install")
      }
    }
  }
}
