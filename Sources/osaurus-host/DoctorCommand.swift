import ArgumentParser
import AsyncHTTPClient
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
    findings += await host(folders)
    findings.append(await service())
    findings.append(python())
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
        remedy: "Keys can rest in a file instead: osaurus-host init --keystore file")
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

  /// The identity, its keys, the databases under them, and the models: in one go, as the service opens them.
  private func host(_ folders: HostFolders) async -> [Finding] {
    let services: HostServices
    do {
      services = try await OpenHost.services()
    } catch HostError.notInitialised {
      return [
        Finding(
          part: "identity", state: .broken, detail: "there is none yet", remedy: "osaurus-host init")
      ]
    } catch {
      let failure = FailureTranslation.failure(for: error)
      return [
        Finding(part: "host", state: .broken, detail: failure.sentence, remedy: failure.nextStep)
      ]
    }
    let kind = services.settings.keyStore
    var findings = [
      Finding(part: "identity", state: .good, detail: services.address.checksummed),
      Finding(
        part: "keys", state: kind == .file ? .note : .good,
        detail: HostKeyStore.plainWords(kind)),
      Finding(part: "databases", state: .good, detail: "they open under their keys"),
    ]
    for name in services.settings.unknownKeys {
      findings.append(
        Finding(
          part: "settings", state: .note, detail: "'\(name)' in host.json means nothing",
          remedy: "Correct or remove it in \(folders.settingsFile.path)"))
    }
    findings.append(await models(services))
    await services.shutdown()
    return findings
  }

  private struct Models: Decodable {
    struct Row: Decodable { let id: String }
    let models: [Row]
    let current: String?
  }

  private func models(_ services: HostServices) async -> Finding {
    let answer = try? await InProcessClient(services: services).send("GET", "/control/models")
    let models = answer.flatMap { try? JSONDecoder().decode(Models.self, from: Data($0.body)) }
    guard let models, let current = models.current else {
      return Finding(
        part: "models", state: .broken,
        detail: models?.models.isEmpty == false
          ? "the default model is not offered by any server" : "no server offers one",
        remedy: "osaurus-host model install smollm2-135m, or set OSAURUS_MODEL_URL to a server's /v1")
    }
    return Finding(part: "models", state: .good, detail: "\(models.models.count), by default \(current)")
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
