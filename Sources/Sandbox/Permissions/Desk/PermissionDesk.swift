public import Foundation

/// Where agents' commands get what they need: from the mode of the agent, from what the owner allowed before, or by asking.
///
/// Nothing is allowed that the owner was not shown. What was allowed once is for one run of exactly that command. All of it ends with the
/// service.
public actor PermissionDesk {
  /// Requests that may wait, of one agent and of all.
  public static let mostOfOne = 8
  public static let mostOfAll = 64
  /// How long a request waits, an approval of one command is kept unused, and a denial is remembered.
  public static let patience = Duration.seconds(600)
  /// Approvals of single commands, denials and answers that are kept.
  private static let mostKept = 256

  private struct Entry {
    let request: PermissionRequest
    let end: ContinuousClock.Instant
    var isShown = false
  }

  /// A command of an agent.
  private struct Key: Hashable {
    let agent: UUID
    let digest: String
  }

  private struct Single {
    let permissions: Set<Permission>
    let end: ContinuousClock.Instant
  }

  private let parser: ShellParser
  private let time: PermissionTime
  private let modes: @Sendable (UUID) async throws -> PermissionMode
  private let record: @Sendable (PermissionEvent) async throws -> Void
  private let makeID: @Sendable () -> String

  /// In the order in which they were asked.
  private var waiting: [Entry] = []
  private var singles: [Key: Single] = [:]
  /// Until when, nil for as long as the service runs.
  private var grants: [UUID: [Permission: ContinuousClock.Instant?]] = [:]
  private var denials: [Key: ContinuousClock.Instant] = [:]
  private var answers: [(id: String, answer: PermissionAnswer)] = []
  private var isClosed = false
  private var revision: UInt64 = 0
  private var watchers: [UInt64: CheckedContinuation<Void, Never>] = [:]
  private var nextWatcher: UInt64 = 0

  /// - Parameters:
  ///   - folder: the folder on this machine with the sandboxes of a host; texts are read in one of their own there.
  ///   - programs: the folder with the programs of osaurus-host; by default where this one is.
  ///   - modes: tells the mode of an agent.
  ///   - record: is told of everything that is asked for and said. What it throws keeps a permission from being given.
  public init(
    judgingIn folder: URL, programs: String? = nil, time: PermissionTime = PermissionTime(),
    makeID: @escaping @Sendable () -> String = { UUID().uuidString.prefix(8).lowercased() },
    modes: @escaping @Sendable (UUID) async throws -> PermissionMode,
    record: @escaping @Sendable (PermissionEvent) async throws -> Void = { _ in }
  ) {
    parser = ShellParser(folder: folder, programs: programs)
    self.time = time
    self.makeID = makeID
    self.modes = modes
    self.record = record
  }

  // MARK: For agents

  /// Makes sure that an agent may run a command now; asks the owner otherwise.
  /// - Returns: what it needs, all of which is given. An approval of this one command is used up by that.
  /// - Throws: ``PermissionRequired``, ``PermissionDenied``, ``JudgeRefusal``, or what `modes` throws.
  @discardableResult
  public func authorise(
    _ draft: CommandDraft, for agent: UUID, in profile: SandboxProfile
  ) async throws -> [PermissionNeed] {
    let needs = try await judge(draft, in: profile)
    try await admit(needs, draft.text, draft.digest, agent)
    return needs
  }

  /// Makes sure that an agent may write to a file now; asks the owner otherwise.
  /// - Throws: ``PermissionRequired``, ``PermissionDenied``, or what `modes` throws.
  public func authoriseWrite(_ path: SandboxPath, for agent: UUID, in profile: SandboxProfile) async throws {
    let needs = await CommandJudge(profile: profile, parser: parser).needs(ofWritingTo: path.text)
    guard !needs.isEmpty else { return }
    try await admit(needs, "write \(path.text)", CommandDraft(.words(["\0write", path.text])).digest, agent)
  }

  /// What a command needs, whoever runs it. Nobody is asked.
  /// - Throws: ``JudgeRefusal``.
  public func judge(_ draft: CommandDraft, in profile: SandboxProfile) async throws -> [PermissionNeed] {
    try await CommandJudge(profile: profile, parser: parser).needs(of: draft)
  }

  private func admit(_ needs: [PermissionNeed], _ text: String, _ digest: String, _ agent: UUID) async throws
  {
    guard !needs.isEmpty else { return }
    let mode = try await modes(agent)
    let expired = expire()
    let decision = decide(needs, text, digest, agent, mode)
    for event in expired { try? await record(event) }
    switch decision {
    case .given: return
    case .refused(let error): throw error
    case .asked(let request, let isNew):
      if isNew { try? await record(event(.asked, request)) }
      throw PermissionRequired(request.needs, request: request)
    }
  }

  private enum Decision {
    case given
    case refused(any Error)
    case asked(PermissionRequest, isNew: Bool)
  }

  private func decide(
    _ needs: [PermissionNeed], _ text: String, _ digest: String, _ agent: UUID, _ mode: PermissionMode
  ) -> Decision {
    let held = grants[agent, default: [:]]
    let missing = needs.filter { !mode.gives($0.permission) && held[$0.permission] == nil }
    guard !missing.isEmpty else { return .given }
    let key = Key(agent: agent, digest: digest)
    if let single = singles[key], missing.allSatisfy({ single.permissions.contains($0.permission) }) {
      singles[key] = nil
      return .given
    }
    if denials[key] != nil { return .refused(PermissionDenied(missing)) }
    if isClosed { return .refused(PermissionRequired(missing, request: nil)) }
    let same = waiting.firstIndex { $0.request.agent == agent && $0.request.digest == digest }
    if let same {
      let request = waiting[same].request
      if request.permissions == missing.map(\.permission) { return .asked(request, isNew: false) }
      // What it needs has changed, and so does what the owner is shown.
      settle(waiting.remove(at: same).request.id, .expired)
    }
    guard waiting.count < Self.mostOfAll, waiting.count(where: { $0.request.agent == agent }) < Self.mostOfOne
    else { return .refused(PermissionRequired(missing, request: nil)) }
    let date = time.date()
    let request = PermissionRequest(
      id: makeID(), agent: agent, command: text, digest: digest, needs: missing, askedAt: date,
      endsAt: date.addingTimeInterval(TimeInterval(Self.patience.components.seconds)))
    waiting.append(Entry(request: request, end: time.now() + Self.patience))
    changed()
    return .asked(request, isNew: true)
  }

  /// What the owner says to a request, waiting for it for a while.
  /// - Returns: nil when nothing was said, or there is no such request.
  public func answer(to id: String, within limit: Duration) async -> PermissionAnswer? {
    let deadline = time.now() + limit
    while true {
      for event in expire() { try? await record(event) }
      if let answer = answers.last(where: { $0.id == id })?.answer { return answer }
      guard waiting.contains(where: { $0.request.id == id }), !isClosed, !Task.isCancelled else { return nil }
      let left = deadline - time.now()
      guard left > .zero else { return nil }
      let revision = revision
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await self.change(after: revision) }
        group.addTask { [time] in try? await time.sleep(left) }
        await group.next()
        group.cancelAll()
      }
    }
  }

  // MARK: For the owner

  /// What waits, the oldest first. What is in the list counts as shown.
  public func list() async -> (revision: UInt64, requests: [PermissionRequest]) {
    for event in expire() { try? await record(event) }
    for index in waiting.indices { waiting[index].isShown = true }
    return (revision, waiting.map(\.request))
  }

  /// What waits, for what has to be shown yet.
  public func peek() -> (revision: UInt64, requests: [PermissionRequest], isOpen: Bool) {
    (revision, waiting.filter { $0.end > time.now() }.map(\.request), !isClosed)
  }

  /// The owner can see what is asked for.
  public func markShown(_ id: String) {
    if let index = waiting.firstIndex(where: { $0.request.id == id }) { waiting[index].isShown = true }
  }

  /// What agents hold for a while.
  public func held() -> [PermissionGrant] {
    _ = expire()
    let (now, date) = (time.now(), time.date())
    return grants.flatMap { agent, permissions in
      permissions.map { permission, end in
        PermissionGrant(
          agent: agent, permission: permission,
          endsAt: end.map { date.addingTimeInterval(($0 - now) / .seconds(1)) })
      }
    }.sorted { ($0.agent.uuidString, $0.permission.rawValue) < ($1.agent.uuidString, $1.permission.rawValue) }
  }

  /// Allows what a request needs, once that is recorded.
  /// - Throws: ``PermissionDeafness``, or why it cannot be recorded; it waits on, then.
  @discardableResult
  public func approve(_ id: String, _ scope: PermissionScope) async throws -> PermissionRequest {
    if case .time(let time) = scope, time <= .zero || time > PermissionScope.longest {
      throw PermissionDeafness.badTime
    }
    try await record(event(.granted, waiting[place(of: id)].request, scope: scope))
    // Meanwhile somebody else may have had the word.
    let request = try take(id)
    let key = Key(agent: request.agent, digest: request.digest)
    denials[key] = nil
    switch scope {
    case .once:
      if singles.count >= Self.mostKept, let oldest = singles.min(by: { $0.value.end < $1.value.end }) {
        singles[oldest.key] = nil
      }
      singles[key] = Single(permissions: Set(request.permissions), end: time.now() + Self.patience)
    case .session, .time:
      for permission in request.permissions { hold(permission, scope, request.agent) }
    }
    settle(request.id, .granted)
    return request
  }

  /// Refuses a request. The same command is not asked for again for a while.
  /// - Throws: ``PermissionDeafness``.
  @discardableResult
  public func deny(_ id: String) async throws -> PermissionRequest {
    let request = try take(id)
    if denials.count >= Self.mostKept, let oldest = denials.min(by: { $0.value < $1.value }) {
      denials[oldest.key] = nil
    }
    denials[Key(agent: request.agent, digest: request.digest)] = time.now() + Self.patience
    settle(request.id, .denied)
    try? await record(event(.denied, request))
    return request
  }

  /// Takes back everything that an agent was allowed, and forgets what it asked for; nil for all agents.
  public func forget(_ agent: UUID? = nil) {
    func isMeant(_ other: UUID) -> Bool { agent == nil || agent == other }
    let gone = waiting.filter { isMeant($0.request.agent) }
    waiting.removeAll { isMeant($0.request.agent) }
    grants = grants.filter { !isMeant($0.key) }
    singles = singles.filter { !isMeant($0.key.agent) }
    denials = denials.filter { !isMeant($0.key.agent) }
    for entry in gone { settle(entry.request.id, .expired) }
    changed()
  }

  /// Waits until there may be something else to list than at a revision; until the desk is closed, or the waiting task cancelled, at
  /// the latest.
  public func change(after known: UInt64) async {
    nextWatcher += 1
    let number = nextWatcher
    await withTaskCancellationHandler {
      await withCheckedContinuation { watcher in
        if revision != known || isClosed || Task.isCancelled {
          watcher.resume()
        } else {
          watchers[number] = watcher
        }
      }
    } onCancel: {
      Task { await self.stopWatching(number) }
    }
  }

  private func stopWatching(_ number: UInt64) { watchers.removeValue(forKey: number)?.resume() }

  /// Lets nothing wait any more, and nothing be allowed.
  public func close() {
    isClosed = true
    forget()
  }

  // MARK: Parts of it

  private func take(_ id: String) throws -> PermissionRequest {
    waiting.remove(at: try place(of: id)).request
  }

  /// Where a request waits that the owner has seen.
  private func place(of id: String) throws -> Int {
    // Whatever has expired is told by whoever looks next.
    let id = id.lowercased()
    let now = time.now()
    guard let index = waiting.firstIndex(where: { $0.request.id == id && $0.end > now }) else {
      throw PermissionDeafness.gone
    }
    guard waiting[index].isShown else { throw PermissionDeafness.unseen }
    return index
  }

  private func hold(_ permission: Permission, _ scope: PermissionScope, _ agent: UUID) {
    var held = grants[agent, default: [:]]
    let end: ContinuousClock.Instant? = if case .time(let limit) = scope { time.now() + limit } else { nil }
    // The longer one counts.
    if let before = held[permission], before == nil || (end.map { $0 < before! } ?? false) { return }
    held[permission] = .some(end)
    grants[agent] = held
  }

  private func settle(_ id: String, _ answer: PermissionAnswer) {
    answers.append((id, answer))
    if answers.count > Self.mostKept { answers.removeFirst() }
    changed()
  }

  private func changed() {
    revision += 1
    let told = watchers.values
    watchers = [:]
    for watcher in told { watcher.resume() }
  }

  /// Ends what has lasted long enough.
  private func expire() -> [PermissionEvent] {
    let now = time.now()
    singles = singles.filter { $0.value.end > now }
    denials = denials.filter { $0.value > now }
    for (agent, held) in grants {
      let left = held.filter { $0.value.map { $0 > now } ?? true }
      grants[agent] = left.isEmpty ? nil : left
    }
    let gone = waiting.filter { $0.end <= now }.map(\.request)
    waiting.removeAll { $0.end <= now }
    for request in gone { settle(request.id, .expired) }
    return gone.map { event(.expired, $0) }
  }

  private func event(
    _ kind: PermissionEvent.Kind, _ request: PermissionRequest, scope: PermissionScope? = nil
  ) -> PermissionEvent {
    PermissionEvent(
      kind: kind, agent: request.agent, permissions: request.permissions, digest: request.digest,
      scope: scope?.words, request: request.id)
  }
}
