import ArgumentParser
import AsyncHTTPClient
import Discovery
import Foundation
import Host
import Identity
import Inference
import Keyring
import Storage

/// `doctor`: looks at every part that the host depends on.
struct DoctorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Check every part that the host depends on, and say how to mend what is missing.",
    discussion: "Example: osaurus-host doctor --json       (exit code 1 when something is broken)")

  @OptionGroup var output: OutputOptions

  func run() async throws {
    let findings = await Examination().run()
    if output.json {
      Terminal.say(try JSONText.encode(findings))
    } else {
      for finding in findings {
        Terminal.say("\(finding.state.mark)  \(finding.part): \(finding.detail)")
        if let remedy = finding.remedy { Terminal.say("      → \(remedy)") }
      }
    }
    if findings.contains(where: { $0.state == .broken }) {
      throw ExitCode(ExitStatus.failed.rawValue)
    }
  }
}

/// What was found about one part.
struct Finding: Encodable {
  enum State: String, Encodable {
    case good, note, broken

    var mark: String {
      switch self {
      case .good: "ok  "
      case .note: "note"
      case .broken: "BAD "
      }
    }
  }

  let part: String
  let state: State
  let detail: String
  /// What to do about it.
  var remedy: String?
}

/// Looks at one part after the other. It changes nothing.
private struct Examination {
  func run() async -> [Finding] {
    var findings = [encryption(), keyring()]
    guard let folders = try? OpenHost.folders() else {
      return findings + [
        Finding(
          part: "folders", state: .broken, detail: "\(KeyringError.noHome)",
          remedy: "Set HOME or OSAURUS_HOME.")
      ]
    }
    findings += privacy(of: folders)
    findings += [space(for: folders), swap()].compactMap(\.self)
    findings += await host(folders)
    if let recovery = WaysBack.finding(folders) { findings.append(recovery) }
    findings.append(await discovery())
    findings.append(await service())
    findings.append(python())
    findings += SandboxLayers.findings()
    return findings
  }

  private func encryption() -> Finding {
    guard let version = EncryptedDatabase.cipherVersion() else {
      return Finding(
        part: "encryption", state: .broken, detail: "The SQLite that is loaded does not encrypt.",
        remedy: "Install libsqlcipher and build again: scripts/setup && swift build -c release")
    }
    return Finding(part: "encryption", state: .good, detail: "SQLCipher \(version)")
  }

  private func keyring() -> Finding {
    do {
      try SecretServiceKeyStore.probe()
      return Finding(part: "keyring", state: .good, detail: "a Secret Service answers on the session bus")
    } catch {
      return Finding(
        part: "keyring", state: .note, detail: error.description,
        remedy:
          "Keys can rest elsewhere: osaurus-host init --keystore passphrase (or systemd-credential, or file)")
    }
  }

  private func privacy(of folders: HostFolders) -> [Finding] {
    let there = [folders.data, folders.configuration, folders.state, folders.runtime].filter {
      FileManager.default.fileExists(atPath: $0.path)
    }
    guard !there.isEmpty else {
      return [Finding(part: "folders", state: .note, detail: "not made yet; 'osaurus-host init' makes them")]
    }
    let open = there.filter { folder in
      let attributes = try? FileManager.default.attributesOfItem(atPath: folder.path)
      let mode = attributes?[.posixPermissions] as? Int ?? 0
      let owner = attributes?[.ownerAccountID] as? Int
      return mode & 0o077 != 0 || owner != Int(geteuid())
    }
    guard open.isEmpty else {
      return open.map {
        Finding(
          part: "folders", state: .broken, detail: "others may get into \($0.path)",
          remedy: "chown \(geteuid()) '\($0.path)' && chmod 700 '\($0.path)'")
      }
    }
    return [Finding(part: "folders", state: .good, detail: "open to you alone (\(folders.data.path))")]
  }

  /// Below how many free bytes an answer with its attachments may find no room.
  private static let scarceSpace: UInt64 = 256 << 20
  /// Below how many free bytes next to nothing can be kept.
  private static let noSpace: UInt64 = 16 << 20

  private func space(for folders: HostFolders) -> Finding? {
    guard let space = DiskSpace(at: folders.data.path) else { return nil }
    let free = "\(space.free >> 20) MiB free where the data is"
    if space.isReadOnly {
      return Finding(
        part: "disk", state: .broken, detail: "the disk with the data is read-only: nothing can be kept",
        remedy: "Mount it for writing; an error of the disk may be why it is not (dmesg)")
    }
    let state: Finding.State =
      space.free < Self.noSpace ? .broken : space.free < Self.scarceSpace ? .note : .good
    return Finding(
      part: "disk", state: state, detail: state == .good ? free : "nearly full: \(free)",
      remedy: state == .good ? nil : "Free some space on it: df '\(folders.data.path)'")
  }

  private func swap() -> Finding? {
    let swap = SwapSpace()
    guard !swap.plain.isEmpty else {
      let detail = swap.sealed.isEmpty ? "there is none" : "encrypted, or in memory itself"
      return Finding(part: "swap", state: .good, detail: detail)
    }
    return Finding(
      part: "swap", state: .note,
      detail:
        "\(swap.plain.joined(separator: ", ")) does not look encrypted, and what is said may be written there; keys never are",
      remedy: "Encrypt it (crypttab(5), option swap), use zram, or turn it off (swapoff -a)")
  }

  /// The identity, its keys, the databases under them, and the models.
  private func host(_ folders: HostFolders) async -> [Finding] {
    let settings: HostSettings
    do {
      settings = try HostSettings.load(
        folders: folders, environment: ProcessInfo.processInfo.environment)
    } catch HostError.notInitialised {
      return [
        Finding(
          part: "identity", state: .broken, detail: "there is none yet", remedy: "osaurus-host init")
      ]
    } catch {
      return [Self.broken("settings", error)]
    }
    var findings = settings.unknownKeys.map { name in
      Finding(
        part: "settings", state: .note, detail: "'\(name)' in host.json means nothing",
        remedy: "Correct or remove it in \(folders.settingsFile.path)")
    }
    findings += unfinishedMoves(folders)
    do {
      let check = try HostCheck(folders: folders, settings: settings)
      findings += [
        Finding(part: "identity", state: .good, detail: check.address.checksummed),
        Finding(
          part: "keys", state: settings.keyStore == .file ? .note : .good,
          detail: HostKeyStore.plainWords(settings.keyStore)),
      ]
      findings.append(HostHealth.finding())
      if WordsAcknowledgement(folders: folders).isMissing {
        findings.append(
          Finding(
            part: "words", state: .note, detail: "nobody has shown yet that the 24 words are written down",
            remedy: "osaurus-host identity confirm"))
      }
      findings += check.databases.sorted { $0.key < $1.key }.map(Self.database)
      findings += check.degraded.map {
        Finding(part: "database", state: .broken, detail: $0.reason, remedy: "osaurus-host storage verify")
      }
    } catch {
      findings.append(Self.broken("host", error))
    }
    findings.append(await models(folders, settings))
    return findings
  }

  private func unfinishedMoves(_ folders: HostFolders) -> [Finding] {
    let reports = (try? HostKeyStores(folders: folders).reports()) ?? []
    return reports.filter(\.choice.isUnfinished).map { report in
      let end = (report.choice.copyingTo ?? report.choice.current).rawValue
      return Finding(
        part: "keys", state: .note, detail: "a move of the keys was interrupted; copies may be in two places",
        remedy: "osaurus-host keystore move --to \(end)")
    }
  }

  private static func broken(_ part: String, _ error: any Error) -> Finding {
    let failure = FailureTranslation.failure(for: error)
    return Finding(part: part, state: .broken, detail: failure.sentence, remedy: failure.nextStep)
  }

  private static func database(
    _ name: DatabaseName, _ condition: EncryptedDatabase.Condition
  ) -> Finding {
    switch condition {
    case .current: Finding(part: "database", state: .good, detail: "\(name.rawValue) opens under its key")
    case .outdated:
      Finding(
        part: "database", state: .note,
        detail: "\(name.rawValue) is of an older version; the service brings it up to date")
    case .missing:
      Finding(
        part: "database", state: .note, detail: "\(name.rawValue) is not there; the service makes it anew")
    }
  }

  private func models(_ folders: HostFolders, _ settings: HostSettings) async -> Finding {
    do {
      let (offered, current) = try await HostCheck.models(folders: folders, settings: settings)
      if let current {
        return Finding(part: "models", state: .good, detail: "\(offered.count), by default \(current)")
      }
      return Finding(
        part: "models", state: .broken,
        detail: offered.isEmpty ? "no server offers one" : "the default model is not offered by any server",
        remedy: "osaurus-host model install smollm2-135m, or set OSAURUS_MODEL_URL to a server's /v1")
    } catch {
      return Self.broken("models", error)
    }
  }

  private func discovery() async -> Finding {
    guard let obstacle = await Browser.obstacle() else {
      return Finding(
        part: "discovery", state: .good, detail: "avahi-daemon answers: agents can be announced and found")
    }
    return Finding(
      part: "discovery", state: .note, detail: obstacle.description,
      remedy: "apt install avahi-daemon   (without it, hosts are reached by their URL)")
  }

  private func service() async -> Finding {
    guard (try? await Owner.withService({ _ in })) != nil else {
      return Finding(
        part: "service", state: .note, detail: "it is not running",
        remedy: "osaurus-host serve, or at every log-in: osaurus-host service install --now")
    }
    return Finding(part: "service", state: .good, detail: "it answers on the control socket")
  }

  private func python() -> Finding {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin"
    let found = path.split(separator: ":").contains { access("\($0)/python3", X_OK) == 0 }
    return found
      ? Finding(part: "python", state: .good, detail: "python3 is there, for the managed model")
      : Finding(
        part: "python", state: .note, detail: "there is no python3, which the managed model needs",
        remedy: "apt install python3 python3-pip")
  }
}
