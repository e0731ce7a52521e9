import Foundation

/// How a command ends. Scripts rely on the numbers.
enum ExitStatus: Int32 {
  case done = 0
  case failed = 1
  case wrongUsage = 2
  case notPermitted = 3
  case notFound = 4
  case serviceNotRunning = 5
  case interrupted = 130
}

/// A refusal that a person reads: one sentence, and the next step where there is one.
struct CommandFailure: Error, CustomStringConvertible {
  let status: ExitStatus
  /// A short name for scripts, such as `service_not_running`.
  let code: String
  let sentence: String
  /// The command or the act that mends it.
  let nextStep: String?

  init(_ status: ExitStatus, _ code: String, _ sentence: String, nextStep: String? = nil) {
    self.status = status
    self.code = code
    self.sentence = sentence
    self.nextStep = nextStep
  }

  var description: String {
    guard let nextStep else { return sentence }
    return "\(sentence)\n  \(nextStep)"
  }

  static let serviceNotRunning = CommandFailure(
    .serviceNotRunning, "service_not_running", "The service is not running.",
    nextStep: "Start it with: osaurus-host serve")

  static func wrongUsage(_ sentence: String) -> CommandFailure {
    CommandFailure(.wrongUsage, "wrong_usage", sentence)
  }

  static func notFound(_ sentence: String) -> CommandFailure {
    CommandFailure(.notFound, "not_found", sentence)
  }
}
