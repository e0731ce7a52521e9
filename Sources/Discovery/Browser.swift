/// Looks for agents on the network.
public enum Browser {
  /// What is seen at a moment.
  public struct Sight: Hashable, Sendable {
    public var services: [DiscoveredService]
    /// How many more were announced than are looked at.
    public var dropped: Int
    /// Why nothing can be seen at the moment; nil while the daemon looks.
    public var obstacle: DiscoveryError?

    public init(services: [DiscoveredService] = [], dropped: Int = 0, obstacle: DiscoveryError? = nil) {
      self.services = services
      self.dropped = dropped
      self.obstacle = obstacle
    }
  }

  /// What is seen, again with every change, until whoever reads it stops. Only the latest is kept for a slow reader.
  public static func sights() -> AsyncStream<Sight> {
    AsyncStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
      let task = Task {
        await Browsing(continuation).run()
        continuation.finish()
      }
      continuation.onTermination = { _ in task.cancel() }
    }
  }

  /// Whether a daemon answers now.
  /// - Returns: nil when it does, or why it does not.
  public static func obstacle(patience: Duration = .seconds(2)) async -> DiscoveryError? {
    await withTaskGroup(of: DiscoveryError?.self) { group in
      group.addTask {
        do throws(DiscoveryError) {
          let link = try await Link.open()
          defer { link.close() }
          for await event in link.events where event != .waiting { return nil }
          return .noDaemon
        } catch {
          return error
        }
      }
      group.addTask {
        try? await Task.sleep(for: patience)
        return .noDaemon
      }
      defer { group.cancelAll() }
      return await group.next() ?? .noDaemon
    }
  }
}

/// One search, from its beginning to its end.
private actor Browsing {
  private var list = BrowseList()
  private var link: Link?
  private var obstacle: DiscoveryError?
  private var told: Browser.Sight?
  private var timer: (task: Task<Void, Never>, deadline: BrowseList.Instant)?
  private let continuation: AsyncStream<Browser.Sight>.Continuation

  init(_ continuation: AsyncStream<Browser.Sight>.Continuation) { self.continuation = continuation }

  func run() async {
    defer { timer?.task.cancel() }
    var delay = RetryDelay()
    while !Task.isCancelled {
      let start = ContinuousClock.now
      do {
        let link = try await Link.open()
        await follow(link)
        // Whoever looked has stopped: that is no word about the daemon, and may still reach them.
        guard !Task.isCancelled else { return }
        obstacle = .noDaemon
      } catch {
        obstacle = error
      }
      tell()
      try? await Task.sleep(for: delay.next(after: .now - start))
    }
  }

  private func follow(_ link: Link) async {
    self.link = link
    defer {
      self.link = nil
      list.lost(now: .now)
      arm()
      link.close()
    }
    var isBrowsing = false
    for await event in link.events {
      switch event {
      case .waiting: obstacle = .noDaemon
      case .settling, .running:
        obstacle = nil
        if !isBrowsing { link.browse() }
        isBrowsing = true
      case .appeared(let place): perform(list.appeared(place, now: .now))
      case .vanished(let place): perform(list.vanished(place, now: .now))
      case .resolved(let number, let answer): perform(list.resolved(number, answer))
      case .notResolved(let number): perform(list.notResolved(number, now: .now))
      case .established, .notPublished, .notUpdated: break
      }
      arm()
      tell()
    }
  }

  private func perform(_ acts: [BrowseList.Act]) {
    for act in acts {
      switch act {
      case .resolve(let place, let number): link?.resolve(place, number: number)
      case .stop(let number): link?.stopResolving(number)
      }
    }
  }

  /// Sets the timer to the next deadline. One that rings too early does no harm.
  private func arm() {
    guard let deadline = list.nextDeadline else { return }
    if let timer, timer.deadline <= deadline, !timer.task.isCancelled { return }
    timer?.task.cancel()
    let task = Task {
      try? await Task.sleep(until: deadline, clock: .continuous)
      if !Task.isCancelled { ring() }
    }
    timer = (task, deadline)
  }

  private func ring() {
    timer = nil
    perform(list.expire(now: .now))
    arm()
    tell()
  }

  private func tell() {
    let sight = Browser.Sight(services: list.services, dropped: list.dropped, obstacle: obstacle)
    guard sight != told else { return }
    told = sight
    continuation.yield(sight)
  }
}
