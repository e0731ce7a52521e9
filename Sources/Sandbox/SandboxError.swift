/// Why a command did not run in isolation, each with what a person can do about it. Nothing ever runs with less isolation
/// because some of it is missing.
public enum SandboxError: Error, Hashable, Sendable {
  /// A layer of the isolation is missing on this machine, and the owner has not waived it.
  case layerMissing(IsolationLayer, reason: String, remedy: String)
  /// The owner waived a layer without which there is no sandbox.
  case notWaivable(IsolationLayer)
  /// A program that belongs to osaurus-host is not beside it.
  case programMissing(String)
  /// The isolation could not be set up, in the words of the program that does it.
  case notStarted(String)
  /// The command could not be run inside.
  case commandNotRun(command: String, reason: String)
  /// The request is not one that can be run.
  case invalidRequest(String)
  /// An environment variable is not passed on.
  case variableRefused(name: String, VariableRefusal)
  /// A host cannot be listed as one that commands may reach.
  case targetRefused(String, reason: String)
  /// A folder cannot be granted as a workspace.
  case grantRefused(path: String, reason: String)
  /// A folder of the sandbox on this machine could not be made or opened.
  case folder(path: String, reason: String)
  /// The archive of a root image is not the one whose SHA-256 was named.
  case imageMismatch(expected: String, actual: String)
  /// A root image is not downloaded from there.
  case imageAddressRefused(String, reason: String)
  /// A root image could not be downloaded.
  case imageNotFetched(String, reason: String)
  /// A program of this machine that reads a root image is not there.
  case imageProgramMissing(String)
  /// The archive of a root image is none that can be used.
  case imageRefused(String)
  /// The root image is not as it was unpacked.
  case imageChanged(String)
  /// As many commands run as may.
  case tooManyRunning(Int)
  /// There is no such command session, or it is another agent's.
  case noSuchSession
  /// Input was given to a command that has ended or takes none.
  case inputClosed
  /// More input waits than is kept.
  case inputFull
}

extension SandboxError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .layerMissing(let layer, let reason, _):
      "Commands are not run without \(layer.plainWords): \(reason)"
    case .notWaivable(let layer): "There is no sandbox without \(layer.plainWords)."
    case .programMissing(let name): "The program \(name) is not beside osaurus-host."
    case .notStarted(let words): "The sandbox could not be set up: \(words)"
    case .commandNotRun(let command, let reason): "'\(command)' could not be run in the sandbox: \(reason)"
    case .invalidRequest(let reason): "This cannot be run: \(reason)"
    case .variableRefused(let name, let refusal):
      "The environment variable '\(name)' is not passed on: \(refusal.sentence)"
    case .targetRefused(let text, let reason): "'\(text)' cannot be on the list of hosts: \(reason)."
    case .grantRefused(let path, let reason): "'\(path)' cannot be a workspace: \(reason)"
    case .folder(let path, let reason): "'\(path)' cannot be used: \(reason)"
    case .imageMismatch(let expected, let actual):
      "The image is not the one that was named: its SHA-256 is \(actual), not \(expected). Nothing was changed."
    case .imageAddressRefused(let address, let reason): "'\(address)' is not downloaded from: \(reason)."
    case .imageNotFetched(let address, let reason):
      "The image could not be downloaded from '\(address)': \(reason). Nothing was changed."
    case .imageProgramMissing(let name): "An image of squashfs is read by \(name), which is not there."
    case .imageRefused(let reason): "The image cannot be used: \(reason)."
    case .imageChanged(let path): "The image in '\(path)' is not as it was unpacked, and nothing runs in it."
    case .tooManyRunning(let most): "\(most) commands run already, which is as many as may."
    case .noSuchSession: "There is no such command."
    case .inputClosed: "The command takes no input."
    case .inputFull: "The command has not read the input that it was given before."
    }
  }

  /// The command or the act that mends it.
  public var nextStep: String? {
    switch self {
    case .layerMissing(_, _, let remedy): remedy
    case .programMissing: "Build and install again: swift build -c release"
    case .notStarted: "Look at what is missing: osaurus-host sandbox status"
    case .imageMismatch: "Get it anew from where its SHA-256 was told to you, and do not use this one."
    case .imageAddressRefused: "Name an https address, or a file that you have."
    case .imageNotFetched: "Try again, or name a file that you have."
    case .imageProgramMissing: "apt install squashfs-tools-ng"
    case .imageChanged:
      "Set it again with 'osaurus-host sandbox image set', or go without: osaurus-host sandbox image remove"
    case .tooManyRunning: "End one, or wait until one ends."
    case .variableRefused(_, let refusal): refusal.nextStep
    case .targetRefused: "Write names with ports: deb.example.org:443,*.example.com:443"
    default: nil
    }
  }
}
