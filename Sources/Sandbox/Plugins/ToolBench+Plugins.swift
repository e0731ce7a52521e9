import Foundation

extension ToolBench {
  /// How long a setup may run, and how long it may be silent.
  private static let setupTime = Duration.seconds(300)
  private static let setupSilence = Duration.seconds(120)

  /// Installs a plugin: sees that the sandbox has what it needs, has its setup run, and tells the audit.
  func install(_ order: PluginOrder) async throws -> PluginOutcome {
    let recipe = order.recipe
    let start = ContinuousClock.now
    do {
      if recipe.daemon != nil {
        throw PluginRefusal.recipe(
          field: "daemon",
          reason: "this host runs none; a tool can start what has to go on, for as long as its call takes")
      }
      let missing = recipe.dependencies.filter { !context.profile.hasProgram($0) }
      guard missing.isEmpty else { throw PluginRefusal.dependencies(missing) }
      var outcome = try await context.plugins.install(order) { try await setUp(order, in: $0) }
      if outcome.change != .unchanged {
        await tell(order, .called(outcome: .succeeded, duration: ContinuousClock.now - start))
      }
      outcome.warnings = warnings(of: recipe, order.maker)
      return outcome
    } catch {
      await tell(order, .refused(reason: Self.word(for: error)))
      throw error
    }
  }

  private func setUp(_ order: PluginOrder, in places: AgentPlaces) async throws -> PluginSetup? {
    guard let setup = order.recipe.setup else { return nil }
    // It knows nothing, and asks its host for nothing.
    let use = try PluginUse(order.recipe, order.maker, in: places, secrets: [], hasHost: false, at: self)
    var command = ToolCommand(
      tool: "plugin_setup", words: Shell.words(running: setup), work: .shell(setup), code: .text(setup))
    command.folder = try ToolFiles(profile: use.launcher.profile).path(AgentPlaces.pluginCode)
    command.time = Self.setupTime
    command.silence = Self.setupSilence
    command.wantsNetwork = use.launcher.profile.network.policy != nil
    command.plugin = use
    let report = try await run(command)
    let words = String(decoding: scrubbed(Array((report.output + report.errors).utf8)), as: UTF8.self)
    let said = VisibleText.lines(String(words.suffix(2000))).joined(separator: "\n")
      .trimmingCharacters(in: .whitespacesAndNewlines)
    guard report.exitCode == 0, report.killedBy == nil else {
      throw PluginRefusal.setup(exitCode: report.exitCode, said: said)
    }
    return PluginSetup(
      exitCode: report.exitCode, seconds: report.result.duration / .seconds(1), said: said)
  }

  private func warnings(of recipe: PluginRecipe, _ maker: PluginMaker) -> [String] {
    var warnings: [String] = []
    let granted = context.profile.network
    let reached = recipe.network.access(within: granted, isOwners: maker.isOwner).policy
    if case .hosts(let hosts) = recipe.network {
      let missing = hosts.filter { host in
        (try? EgressTarget("\(host):443")).map { reached?.permits($0) != true } ?? true
      }
      if !missing.isEmpty {
        warnings.append(
          "It reaches what the agent's sandbox does, and that does not reach \(missing.map(\.description).joined(separator: ", "))."
        )
      }
    }
    if !recipe.events.subscribe.isEmpty || !recipe.events.emit.isEmpty {
      warnings.append("Nothing waits for events in this version.")
    }
    return warnings
  }

  private func tell(_ order: PluginOrder, _ step: ToolEvent.Step) async {
    _ = try? await context.audit.record(
      ToolEvent(
        agent: context.agent, origin: origin, tool: "plugin_install \(order.recipe.id)",
        code: .text(order.recipe.json.json), step: step))
  }

  /// Why nothing was installed, in a word.
  private static func word(for error: any Error) -> String {
    let failure = ToolFailure(error)
    return failure.metadata["code"]?.string ?? failure.kind.rawValue
  }
}

extension SandboxProfile {
  /// Whether a sandbox has a program of that name. A link counts for itself: where it leads is seen inside.
  fileprivate func hasProgram(_ name: String) -> Bool {
    var status = stat()
    return ExecutableLookup.path.contains { lstat("\(root?.folder ?? "")\($0)/\(name)", &status) == 0 }
  }
}
