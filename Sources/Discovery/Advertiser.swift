/// Announces a host's agents on the network for as long as it runs, through every restart of the daemon.
public actor Advertiser {
  /// How it is about what is to be announced.
  public enum State: Hashable, Sendable {
    /// Not begun, or over.
    case off
    /// There is no daemon; it is waited for.
    case waiting(DiscoveryError)
    /// What is on the network, by name. What was just asked for takes a second or two to be there.
    case announcing([String])
  }

  public private(set) var state = State.off
  private var wanted: [Announcement] = []
  private var list = AnnouncementList()
  /// The link, while the daemon takes announcements.
  private var link: Link?
  private let report: @Sendable (String) -> Void

  /// - Parameter report: told, for a log, what could not be announced.
  public init(report: @escaping @Sendable (String) -> Void = { _ in }) { self.report = report }

  /// Replaces what is announced. Nothing happens where it is the same.
  public func announce(_ announcements: [Announcement]) {
    wanted = announcements
    catchUp()
  }

  /// Announces until the task is cancelled, upon which everything is withdrawn.
  public func run() async {
    defer { state = .off }
    var delay = RetryDelay()
    while !Task.isCancelled {
      let start = ContinuousClock.now
      do {
        let link = try await Link.open()
        await follow(link)
        if !Task.isCancelled { state = .waiting(.noDaemon) }
      } catch {
        state = .waiting(error)
      }
      try? await Task.sleep(for: delay.next(after: .now - start))
    }
  }

  private func follow(_ link: Link) async {
    defer {
      self.link = nil
      list.forget()
      link.close()
    }
    for await event in link.events {
      switch event {
      case .waiting:
        self.link = nil
        list.forget()
        state = .waiting(.noDaemon)
      case .settling:
        // The machine is getting another name, with which all is announced again.
        if self.link != nil { perform(list.change(to: [])) }
        self.link = nil
        list.forget()
      case .running:
        self.link = link
        catchUp()
      case .established(let number, let name): list.established(number, name: name)
      case .notPublished(let number, let reason):
        list.refused(number)
        report(reason)
      case .notUpdated(let number): perform(list.notUpdated(number))
      case .appeared, .vanished, .resolved, .notResolved: break
      }
      if self.link != nil { state = .announcing(list.names) }
    }
  }

  private func catchUp() {
    guard link != nil else { return }
    perform(list.change(to: wanted))
    state = .announcing(list.names)
  }

  private func perform(_ acts: [AnnouncementList.Act]) {
    for act in acts {
      switch act {
      case .publish(let announcement, let number): link?.publish(announcement, number: number)
      case .update(let txt, let number): link?.update(txt, number: number)
      case .withdraw(let number): link?.withdraw(number)
      }
    }
  }
}
