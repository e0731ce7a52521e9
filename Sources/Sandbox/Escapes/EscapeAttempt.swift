/// One way out that is tried: what it does, and what has to be missing for it to lead anywhere.
public struct EscapeAttempt: Hashable, Sendable, CustomStringConvertible {
  /// Who tries it.
  public enum Form: String, Codable, Sendable {
    /// A compiled program, `osaurus-sandbox-probe`.
    case program
    /// A script for the shell.
    case script
  }

  /// Where it is known to work, which shows that the attempt can tell.
  public enum Opening: Hashable, Sendable {
    /// In a sandbox without these layers.
    case without(Set<IsolationLayer>)
    /// In a sandbox whose proxy lets everything through.
    case openProxy
    /// Outside, for any user.
    case outside
    /// Outside, for root.
    case outsideAsRoot
    /// Outside, on machines that have what it is about.
    case whereItExists
  }

  public let name: String
  public let form: Form
  public let opening: Opening
  /// What the shell is told; for a program, empty.
  let script: String
  /// Whether hosts are listed for it, so that it has a proxy to ask.
  var hasProxy = false

  static func program(_ name: String, _ opening: Opening) -> EscapeAttempt {
    EscapeAttempt(name: name, form: .program, opening: opening, script: "")
  }

  /// A script that ends with 0 when it is out.
  static func script(_ name: String, _ opening: Opening, _ text: String) -> EscapeAttempt {
    EscapeAttempt(name: name, form: .script, opening: opening, script: text)
  }

  /// The same where hosts are listed.
  func besideTheProxy(_ opening: Opening) -> EscapeAttempt {
    var attempt = EscapeAttempt(name: "\(name)\(Self.beside)", form: form, opening: opening, script: script)
    attempt.hasProxy = true
    return attempt
  }

  /// What the program is told, or the script's name.
  var word: String { name.hasSuffix(Self.beside) ? String(name.dropLast(Self.beside.count)) : name }
  private static let beside = "-beside-the-proxy"

  public var description: String { "\(form.rawValue) \(name)" }

  /// All of them.
  public static let all = programs + scripts + pythonScripts + throughTheProxy
}
