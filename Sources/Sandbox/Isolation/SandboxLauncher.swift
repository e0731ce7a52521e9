import CIsolation
import Foundation

/// Starts commands in isolation, or refuses to.
public struct SandboxLauncher: Sendable {
  public let profile: SandboxProfile
  let programs: String?

  /// - Parameter programs: the folder with the programs of osaurus-host; by default where this one is.
  /// - Throws: ``SandboxError/notWaivable(_:)`` or ``SandboxError/grantRefused(path:reason:)``.
  public init(profile: SandboxProfile, programs: String? = nil) throws(SandboxError) {
    try profile.check()
    self.profile = profile
    self.programs = programs
  }

  /// How the layers stand for this profile.
  public func layers() -> [LayerReport] { MachineSurvey(programs: programs).layers(for: profile) }

  /// The layers, when all that is needed is there.
  /// - Throws: ``SandboxError/layerMissing(_:reason:remedy:)``.
  func requireLayers(_ survey: MachineSurvey) throws(SandboxError) -> [LayerReport] {
    let layers = survey.layers(for: profile)
    if let missing = layers.first(where: { $0.state == .missing }) {
      throw .layerMissing(missing.layer, reason: missing.detail, remedy: missing.remedy ?? "")
    }
    return layers
  }

  /// Starts a command. The calling thread has to live as long as it runs.
  /// - Parameter pass: what it proves itself with to its host.
  func start(_ request: ExecutionRequest, pass: BridgePass?) throws(SandboxError) -> SandboxProcess {
    try request.check()
    let survey = MachineSurvey(programs: programs, triesNamespaces: false)
    let layers = try requireLayers(survey)
    guard let bubblewrap = survey.bubblewrap, let program = survey.initialProgram else {
      throw .programMissing(MachineSurvey.firstProcess)
    }
    try profile.places.prepare()
    let granted = try GrantedFolders(profile.leftOut.contains(.files) ? [] : profile.grants)
    let arguments = BubblewrapArguments(
      profile, initialProgram: program, program: HostProgram(in: programs ?? MachineSurvey.ownFolder()))
    let plan = plan(for: request, survey, layers)
    do {
      return try launch(bubblewrap, arguments, plan, granted, request, pass, layers)
    } catch {
      throw .notStarted("\(error)")
    }
  }

  private func plan(
    for request: ExecutionRequest, _ survey: MachineSurvey, _ layers: [LayerReport]
  ) -> LaunchPlan {
    var plan = LaunchPlan()
    for word in request.command { plan.add(argument: Array(word.utf8)) }
    request.environment.write(
      to: &plan, home: profile.places.home, terminal: request.terminal != nil,
      proxy: profile.hasProxy ? EgressProxy.port : nil,
      bridge: profile.bridge.map { _ in BridgePlaces(profile.places) })
    if profile.hasProxy { plan.offerProxy(port: EgressProxy.port) }
    let home = profile.leftOut.contains(.files) ? profile.places.homeFolder.path : profile.places.home
    plan.set(folder: request.folder?.text ?? home)
    let limits = profile.limits
    if !profile.leftOut.contains(.limits) {
      let seconds = UInt64(clamping: request.timeLimit.components.seconds)
      for (resource, value) in limits.resources(deadlineSeconds: seconds) {
        plan.add(limit: resource.rawValue, value)
      }
      // What the kernel keeps count of need not be counted.
      let kept = (try? profile.controlGroups.get())?.controllers ?? []
      plan.watch(
        processes: kept.contains(.pids) ? 0 : limits.processes,
        memory: kept.contains(.memory) ? 0 : limits.memory, freeDisk: limits.freeDisk, disk: home)
      if let most = limits.home { plan.watch(home: home, bytes: most) }
    }
    let holds = layers.contains { $0.layer == .landlock && ($0.state == .on || $0.state == .partial) }
    if holds, case .success(let version) = survey.landlock { plan.set(ruleset(version)) }
    if request.terminal != nil { plan.setTerminal() }
    return plan
  }

  private func ruleset(_ version: Int32) -> LandlockRuleset {
    var ruleset = LandlockRuleset(version: version, withholdsTCP: profile.network != .loopback)
    if profile.hasProxy { ruleset.connectable = [EgressProxy.port] }
    var rules: [(String, LandlockRights)] = [("/", .readFolder)]
    for place in ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"] {
      rules.append((place, .reading))
    }
    rules += [("/etc", [.readFile, .readFolder]), ("/proc", [.readFile, .readFolder])]
    for name in ["null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts"] {
      rules.append(("/dev/\(name)", .device))
    }
    rules += [("/dev/shm", .writing), ("/tmp", .writing)]
    rules += [(profile.places.home, .writing), (AgentPlaces.shared, .writing)]
    if let code = profile.places.code {
      rules.append((AgentPlaces.pluginCode, code.isWritable ? .writing : .reading))
    }
    for grant in profile.grants { rules.append((grant.place, grant.isWritable ? .writing : .reading)) }
    if profile.bridge != nil { rules += BridgePlaces(profile.places).rules }
    ruleset.rules = rules.map { (path: $0.0, rights: $0.1) }
    return ruleset
  }

  private func launch(
    _ bubblewrap: String, _ arguments: BubblewrapArguments, _ plan: LaunchPlan,
    _ granted: borrowing GrantedFolders, _ request: ExecutionRequest, _ pass: BridgePass?,
    _ layers: [LayerReport]
  ) throws(SystemError) -> SandboxProcess {
    let filters = try SystemCallFilters.programs(profile.network.sockets)
    let argumentFile = try Descriptor.memory("arguments", arguments.bytes)
    let planFile = try Descriptor.memory("plan", plan.bytes)
    let permitted = try Descriptor.memory("filter", filters.permitted)
    let refused = try Descriptor.memory("filter", filters.refused)
    let control = try DescriptorPair(osr_packet_pair)
    let token = try Descriptor.memory("token", pass?.tokenBytes() ?? [])
    let streams = try StandardStreams.open(for: request)
    var group: ControlGroup?
    if case .success(let groups) = profile.controlGroups {
      group = try ControlGroup(in: groups, limits: profile.leftOut.contains(.limits) ? nil : profile.limits)
    }
    let process = try Self.spawn(
      bubblewrap, arguments.command,
      streams.theirs + [
        argumentFile.number, planFile.number, control.theirs.number, permitted.number, refused.number,
      ] + granted.numbers + (pass == nil ? [] : [token.number]), cgroup: group?.entry.number ?? -1)
    return SandboxProcess(
      process, control: control.ours, streams: streams, group: group, layers: layers)
  }

  /// Starts a program with an empty environment, and these descriptors as 0, 1, 2 and so on.
  static func spawn(
    _ program: String, _ words: [String], _ descriptors: [Int32], cgroup: Int32 = -1
  ) throws(SystemError) -> StartedProcess {
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var environment: [UnsafeMutablePointer<CChar>?] = [nil]
    var process: pid_t = 0
    var pidfd: Int32 = -1
    let error = program.withCString { program in
      arguments.withUnsafeMutableBufferPointer { arguments in
        environment.withUnsafeMutableBufferPointer { environment in
          descriptors.withUnsafeBufferPointer { descriptors in
            var start = osr_start_request(
              program: program, arguments: arguments.baseAddress, environment: environment.baseAddress,
              descriptors: descriptors.baseAddress, descriptor_count: Int32(descriptors.count), cgroup: cgroup
            )
            return osr_start(&start, &process, &pidfd)
          }
        }
      }
    }
    try SystemError.check(error)
    return StartedProcess(number: process, pidfd: Descriptor(pidfd))
  }
}

/// A process that was started.
struct StartedProcess: ~Copyable {
  let number: pid_t
  let pidfd: Descriptor
}

/// The folders that were granted, each open: they stay those that were looked at, whatever has their names by the time they are mounted.
struct GrantedFolders: ~Copyable {
  private(set) var numbers: [Int32] = []

  /// - Throws: ``SandboxError/grantRefused(path:reason:)`` where something else is in the place of one.
  init(_ grants: [WorkspaceGrant]) throws(SandboxError) {
    for grant in grants {
      let number = osr_open_folder(grant.folder)
      guard number >= 0 else {
        throw .grantRefused(
          path: grant.folder, reason: "it is not there any more, or is reached by a link now")
      }
      numbers.append(number)
    }
  }

  deinit { for number in numbers { close(number) } }
}
