import ArgumentParser
import Connector
import Discovery
import Foundation
import Host
import Identity
import Inference
import Keyring
import Sandbox
import Storage

/// Turns what the parts of this program throw into how a command ends.
enum FailureTranslation {
  static func failure(for error: any Error) -> CommandFailure {
    switch error {
    case let failure as CommandFailure: failure
    case is CancellationError: CommandFailure(.failed, "interrupted", "Interrupted.")
    case let error as HostError: host(error)
    case let error as KeyringError: CommandFailure(.failed, "keyring", error.description)
    case let error as StorageError: storage(error)
    case let error as ExportFault: export(error)
    case let error as AgeFault:
      CommandFailure(
        .failed, error == .wrongPassphrase ? "wrong_passphrase" : "export_refused",
        "The export cannot be used: \(error.description)")
    case let error as IdentityError: CommandFailure(.failed, "identity", error.description)
    case let error as InviteRefusal: CommandFailure(.failed, "invite", error.description)
    case let error as SandboxError: sandbox(error)
    case let error as InferenceError: CommandFailure(.failed, "model", error.description)
    case let error as ConnectorError: connector(error)
    case let error as DiscoveryError: discovery(error)
    case let error as CocoaError where error.isFileError:
      CommandFailure(.failed, "file", error.localizedDescription)
    default:
      if let refusal = DiskRefusal(error) {
        CommandFailure(.failed, "disk", refusal.sentence)
      } else {
        CommandFailure(.failed, "failed", String(describing: error))
      }
    }
  }

  private static func sandbox(_ error: SandboxError) -> CommandFailure {
    let (status, code): (ExitStatus, String) =
      switch error {
      case .layerMissing, .programMissing: (.failed, "sandbox_incomplete")
      case .notWaivable, .variableRefused, .grantRefused, .imageAddressRefused:
        (.notPermitted, "sandbox_refused")
      case .invalidRequest: (.wrongUsage, "wrong_usage")
      case .commandNotRun: (.notFound, "command_not_run")
      default: (.failed, "sandbox")
      }
    return CommandFailure(status, code, error.description, nextStep: error.nextStep)
  }

  private static func export(_ error: ExportFault) -> CommandFailure {
    switch error {
    case .missing: CommandFailure(.notFound, "export_not_found", error.description)
    case .targetExists, .unfinished: CommandFailure(.failed, "target_exists", error.description)
    case .openToOthers, .file: CommandFailure(.failed, "file", error.description)
    default: CommandFailure(.failed, "export_refused", error.description)
    }
  }

  private static func host(_ error: HostError) -> CommandFailure {
    if case .nothingToMove = error { return CommandFailure(.notFound, code(error), error.description) }
    return CommandFailure(.failed, code(error), error.description)
  }

  private static func discovery(_ error: DiscoveryError) -> CommandFailure {
    CommandFailure(
      .failed, "discovery_unavailable", error.description,
      nextStep: "Without it: osaurus-host connect redeem, or connect add NAME --url URL --address 0x…")
  }

  private static func code(_ error: HostError) -> String {
    switch error {
    case .notInitialised: "not_initialised"
    case .alreadyInitialised: "already_initialised"
    case .otherIdentity: "other_identity"
    case .noPhraseSlot, .noCredentialSlot, .wrongPassphrase: "slot_not_opened"
    case .addressInUse, .addressUnusable: "address"
    case .notBroken: "not_broken"
    case .nothingToMove: "database_not_found"
    case .dataInUse, .othersAtWork: "data_in_use"
    case .rotationRunning: "rotation_running"
    case .rotationCancelled: "rotation_cancelled"
    case .rotationFailed: "rotation_failed"
    case .rotationUnfinished: "rotation_unfinished"
    case .noSpace: "no_space"
    case .notFresh: "not_fresh"
    case .exportOfOther: "other_identity"
    case .exportRunning, .importRunning: "already_at_work"
    default: "host"
    }
  }

  private static func storage(_ error: StorageError) -> CommandFailure {
    switch error {
    case .noSuchSlot: CommandFailure(.notFound, "slot_not_found", error.description)
    case .lastSlot: CommandFailure(.failed, "last_slot", error.description)
    default: CommandFailure(.failed, "storage", error.description)
    }
  }

  private static func connector(_ error: ConnectorError) -> CommandFailure {
    let (status, code): (ExitStatus, String) =
      switch error {
      case .inviteUnknown, .inviteUsed, .inviteRevoked, .inviteExpired: (.notPermitted, "invite_refused")
      case .inviteUnanswered: (.failed, "invite_unanswered")
      case .untrustedAnswer: (.failed, "untrusted_answer")
      case .pairingDenied: (.notPermitted, "pairing_denied")
      case .pairingBusy, .tooManyPairings: (.failed, "pairing_busy")
      case .pairingStale, .pairingUnanswered, .pairingRefused: (.failed, "pairing_failed")
      case .notPairable: (.notFound, "agent_not_found")
      case .invalidAgent: (.wrongUsage, "wrong_usage")
      case .noSuchPeer: (.notFound, "peer_not_found")
      case .noPadding: (.failed, "no_padding")
      case .streamTruncated: (.failed, "stream_truncated")
      case .refused(let status, let code, _):
        (
          [401, 403].contains(status) ? .notPermitted : status == 404 ? .notFound : .failed, code ?? "refused"
        )
      default: (.failed, "connection")
      }
    return CommandFailure(status, code, error.description)
  }
}
