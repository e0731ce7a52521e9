import Foundation
import Synchronization

/// The grammar of the shell: Debian's `shfmt`, which reads a text and gives its tree. As the text is an agent's, it is read in a sandbox
/// that has nothing but `/usr`, with bounds on time, memory and what comes back.
struct ShellParser: Sendable {
  /// Bytes of a tree that are read.
  static let mostOutput = 4 << 20
  /// How deep a tree may be, in brackets.
  static let deepest = 400
  /// Where it is. Never by PATH: what is found there is whoever's.
  static let programs = ["/usr/bin/shfmt", "/usr/local/bin/shfmt"]

  /// What comes of a text.
  enum Outcome: Sendable {
    case tree(ShellNode)
    case refused(JudgeRefusal)
    /// It could not be read on this machine, and why.
    case unread(String)
  }

  /// The folder on this machine with the sandboxes of a host.
  let folder: URL
  /// The folder with the programs of osaurus-host.
  let programs: String?
  /// Which programs are looked for; others for tests.
  var candidates = Self.programs

  func parse(_ text: ShellText) async -> Outcome {
    guard let program = candidates.first(where: { access($0, X_OK) == 0 }) else {
      return .unread("shfmt, which reads shell texts, is not installed: apt install shfmt")
    }
    do {
      return try await run(program, text)
    } catch {
      return .unread("shfmt could not be run: \(error)")
    }
  }

  /// Output as it comes, as far as it is read.
  private final class Collected: Sendable {
    let output = Mutex<[UInt8]>([])
    let errors = Mutex<[UInt8]>([])

    func add(_ isError: Bool, _ piece: [UInt8]) {
      if isError {
        errors.withLock { if $0.count < 4096 { $0 += piece } }
      } else {
        output.withLock { if $0.count <= ShellParser.mostOutput { $0 += piece } }
      }
    }
  }

  private func run(_ program: String, _ text: ShellText) async throws -> Outcome {
    var profile = SandboxProfile(places: try places())
    profile.limits.memory = 1 << 30
    profile.limits.processes = 64
    profile.limits.output = Self.mostOutput
    profile.limits.temporaryFiles = 1 << 20
    profile.limits.freeDisk = 0
    profile.limits.home = nil
    var request = ExecutionRequest([program, "-ln", "bash", "--to-json"])
    request.takesInput = true
    request.timeLimit = .seconds(20)
    request.grace = .zero
    let collected = Collected()
    let launcher = try SandboxLauncher(profile: profile, programs: programs)
    let session = try CommandSession(request, with: launcher) { collected.add($0, $1) }
    // Where it has ended already, its result tells why.
    try? session.write(text.bytes)
    session.endInput()
    let result = try await withTaskCancellationHandler {
      try await session.result()
    } onCancel: {
      session.terminate()
    }
    switch result.cause {
    case .itself: break
    case .output, .memory, .timeLimit: return .refused(.tooComplex)
    case .request, .service, .processes, .disk, .home:
      return .unread("shfmt was ended (\(result.cause.rawValue))")
    }
    guard result.status == 0 else {
      let words = String(decoding: collected.errors.withLock { $0 }, as: UTF8.self)
      return result.status == 1 ? Self.complaint(words) : .unread("shfmt ended with \(result.status)")
    }
    return Self.tree(collected.output.withLock { $0 })
  }

  /// The places of nobody's sandbox, in which texts are read.
  func places() throws(SandboxError) -> AgentPlaces {
    try AgentPlaces.make(folder)
    return AgentPlaces(agent: Self.nobody, in: folder.appending(path: "judge"))
  }

  private static let nobody = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))

  /// The tree that shfmt gave.
  static func tree(_ json: [UInt8]) -> Outcome {
    guard json.count <= mostOutput, depth(of: json) <= deepest else { return .refused(.tooComplex) }
    do {
      return .tree(try JSONDecoder().decode(ShellNode.self, from: Data(json)))
    } catch {
      return .unread("shfmt gave a tree that is not understood")
    }
  }

  /// How deep brackets are in each other, apart from those in strings.
  private static func depth(of json: [UInt8]) -> Int {
    var (deepest, depth, isString, isEscaped) = (0, 0, false, false)
    for byte in json {
      if isString {
        if isEscaped {
          isEscaped = false
        } else if byte == UInt8(ascii: "\\") {
          isEscaped = true
        } else if byte == UInt8(ascii: "\"") {
          isString = false
        }
        continue
      }
      switch byte {
      case UInt8(ascii: "\""): isString = true
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        depth += 1
        deepest = max(deepest, depth)
      case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
      default: break
      }
    }
    return deepest
  }

  /// What shfmt complains of: `1:5: words`, perhaps after the name of its input.
  private static func complaint(_ words: String) -> Outcome {
    var line = words.split(separator: "\n").first.map(String.init) ?? ""
    if line.hasPrefix("<standard input>:") { line.removeFirst("<standard input>:".count) }
    let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, let row = Int(parts[0]), let column = Int(parts[1]) else {
      return .unread("shfmt ended with 1")
    }
    let said = parts[2].trimmingCharacters(in: .whitespaces)
    return .refused(.syntax(String(said.prefix(200)), line: row, column: column))
  }
}
