/// `sandbox_install`: packages of a language, in the agent's home.
struct InstallTool: SandboxTool {
  static let name = "sandbox_install"

  let definition = ToolDefinition(
    name, "Install packages into the agent's home with pip or npm. It needs the permission `network`.",
    [
      .init("manager", .choice(["apk", "pip", "npm"]), "What installs them.", isRequired: true),
      .init(
        "packages", .texts(most: 50), "Their names, with a version where one is meant.", isRequired: true),
    ])

  func run(_ arguments: ToolArguments, at bench: ToolBench) async throws -> ToolAnswer {
    let manager = try arguments.required("manager")
    let packages = arguments.texts("packages") ?? []
    if let refused = packages.first(where: { !PackageName.isName($0, of: manager) }) {
      throw ToolFailure.invalid(
        "`\(refused.prefix(100))` is no name of a package.", field: "packages", expected: "names of packages")
    }
    guard manager != "apk" else {
      throw ToolFailure(
        .unavailable, "apk installs into the system, which is read-only in this sandbox.", field: "manager",
        expected: "pip or npm", isRetryable: false, metadata: ["code": "MANAGER_UNAVAILABLE"])
    }
    var command = ToolCommand(
      tool: Self.name, words: Self.words(manager, packages),
      work: .install(manager: manager, packages: packages), code: .words([manager] + packages))
    command.silence = .seconds(120)
    command.wantsNetwork = true
    try command.requireNetwork(of: bench.context.profile)
    try await bench.state.installs.begin()
    let report: ToolCommandReport
    do {
      report = try await bench.run(command)
    } catch {
      await bench.state.installs.end()
      throw error
    }
    await bench.state.installs.end()
    let words = report.errors.isEmpty ? report.output : report.errors
    let summary = ToolText.capped(words, at: 4000, hint: "of what \(manager) said").text
    guard report.exitCode == 0 else {
      throw ToolFailure(
        .executionError, "\(manager) could not install the packages.", field: "packages",
        metadata: .init(
          uniqueKeysWithValues: [
            ("exit_code", .number(Int(report.exitCode))), ("summary", .string(summary)),
          ]))
    }
    return ToolAnswer([
      "installed": .texts(packages), "exit_code": .number(Int(report.exitCode)), "summary": .string(summary),
    ])
  }

  /// The packages are words of their own, after a word that ends the options.
  static func words(_ manager: String, _ packages: [String]) -> [String] {
    switch manager {
    case "pip":
      // The system's Python belongs to the system; --user leaves it as it is.
      [
        "env", "PIP_BREAK_SYSTEM_PACKAGES=1", "PIP_NO_INPUT=1", "PIP_DISABLE_PIP_VERSION_CHECK=1", "python3",
        "-m",
        "pip", "install", "--user", "--",
      ] + packages
    default: ["npm", "install", "--no-audit", "--no-fund", "--prefix", ".", "--"] + packages
    }
  }
}

/// Names of packages, as the registries have them.
enum PackageName {
  /// Letters, digits and `. _ -`, a scope before it for npm, and a version after it. A name is no option, no path and no address.
  static func isName(_ text: String, of manager: String) -> Bool {
    guard (1...200).contains(text.utf8.count) else { return false }
    guard text.unicodeScalars.allSatisfy(\.isASCII) else { return false }
    return switch manager {
    case "npm":
      text.wholeMatch(
        of:
          #/(?:@[a-z0-9][a-z0-9._\-]*\/)?[A-Za-z0-9][A-Za-z0-9._\-]*(?:@[\^~]?[A-Za-z0-9][A-Za-z0-9._\-+]*)?/#
      )
        != nil
    case "pip":
      text.wholeMatch(
        of:
          #/[A-Za-z0-9][A-Za-z0-9._\-]*(?:\[[A-Za-z0-9,._\-]+\])?(?:(?:[=~!<>]=|<|>)[A-Za-z0-9.*+!,=<>~]+)?/#)
        != nil
    default: text.wholeMatch(of: #/[A-Za-z0-9][A-Za-z0-9._+\-]*/#) != nil
    }
  }
}

/// One install at a time.
actor InstallTurn {
  private var isTaken = false

  func begin() throws(ToolFailure) {
    guard !isTaken else {
      throw ToolFailure(
        .unavailable, "Packages are being installed already; one install runs at a time.",
        metadata: ["code": "INSTALL_RUNNING"])
    }
    isTaken = true
  }

  func end() { isTaken = false }
}
