import CIsolation
public import Foundation

/// How an attempt went.
public enum EscapeOutcome: String, Codable, Sendable {
  case escaped
  case stopped
  /// This machine does not have what it is about.
  case notApplicable = "not_applicable"
}

/// Tries every way out on this machine, each in a sandbox of its own with all layers.
public struct EscapeSuite: Sendable {
  /// The program that tries, which is part of osaurus-host.
  static let program = "osaurus-sandbox-probe"

  private let parent: URL
  private let programs: String

  /// - Parameter parent: a folder in which one is made for the time of the attempts.
  /// - Parameter programs: the folder with the programs of osaurus-host; by default where this one is.
  public init(in parent: URL, programs: String? = nil) {
    self.parent = parent
    self.programs = programs ?? MachineSurvey.ownFolder()
  }

  /// Tries one after the other.
  /// - Throws: ``SandboxError``, where they cannot be tried at all.
  public func run(
    _ attempts: [EscapeAttempt] = EscapeAttempt.all, waived: Set<IsolationLayer> = [],
    each: (EscapeAttempt, EscapeOutcome) -> Void
  ) async throws {
    for attempt in attempts { each(attempt, try await outcome(of: attempt, leavingOut: [], waived: waived)) }
  }

  /// Tries one in a sandbox without some layers.
  package func outcome(
    of attempt: EscapeAttempt, leavingOut leftOut: Set<IsolationLayer>, opensProxy: Bool = false,
    waived: Set<IsolationLayer> = []
  ) async throws -> EscapeOutcome {
    let bait = try EscapeBait(in: parent)
    try install(attempt, in: bait)
    var profile = SandboxProfile(places: bait.places)
    profile.limits = EscapeBait.limits
    profile.leftOut = leftOut
    profile.waived = waived
    if attempt.hasProxy {
      profile.network = .egress(try EgressPolicy(EscapeBait.listed))
      profile.egress = EgressSurroundings(
        resolver: BaitResolver(), rule: opensProxy ? .loopback : .internet)
      profile.egress.isOpen = opensProxy
    }
    profile.grants = [WorkspaceGrant(proven: bait.readOnly.path, name: "read-only")]
    var request = ExecutionRequest(Self.command(attempt))
    for (name, value) in bait.variables(inside: !leftOut.contains(.files)) {
      try request.environment.set(name, to: value)
    }
    request.timeLimit = .seconds(20)
    let result = try await CommandSession(
      request, with: SandboxLauncher(profile: profile, programs: programs)
    )
    .result()
    return result.cause == .itself ? Self.outcome(result.status) : .stopped
  }

  /// Tries one outside of any sandbox.
  package func outcomeOutside(of attempt: EscapeAttempt) throws -> EscapeOutcome {
    let bait = try EscapeBait(in: parent)
    try install(attempt, in: bait)
    var variables = bait.variables(inside: false)
    variables["PATH"] = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
    variables["HOME"] = variables["BAIT_HOME"]
    variables["OSAURUS_PROBE_SECRET"] = "1"
    let words = ["env", "--chdir=\(bait.places.homeFolder.path)"] + variables.map { "\($0.key)=\($0.value)" }
    let process = try SandboxLauncher.spawn(
      "/usr/bin/env", words + ["timeout", "20"] + Self.command(attempt), [0, 1, 2, 0])
    var status: Int32 = 0
    osr_collect(process.number, 1, &status)
    // What it left behind in its session.
    kill(-process.number, SIGKILL)
    return Self.outcome(status & 0x7f == 0 ? status >> 8 & 0xff : 128)
  }

  private static func outcome(_ status: Int32) -> EscapeOutcome {
    switch status {
    case 0: .escaped
    case 3: .notApplicable
    default: .stopped
    }
  }

  private static func command(_ attempt: EscapeAttempt) -> [String] {
    switch attempt.form {
    case .program: ["./probe", attempt.word]
    case .script: ["sh", "./script"]
    }
  }

  /// Puts what is run into the agent's home.
  private func install(_ attempt: EscapeAttempt, in bait: EscapeBait) throws(SandboxError) {
    let source = "\(programs)/\(Self.program)"
    guard FileManager.default.fileExists(atPath: source) else { throw .programMissing(Self.program) }
    let home = bait.places.homeFolder
    do {
      switch attempt.form {
      case .program:
        try FileManager.default.copyItem(atPath: source, toPath: home.appending(path: "probe").path)
      case .script: try Data((attempt.script + "\n").utf8).write(to: home.appending(path: "script"))
      }
    } catch {
      throw .folder(path: home.path, reason: error.localizedDescription)
    }
  }
}
