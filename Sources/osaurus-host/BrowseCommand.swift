import ArgumentParser
import Connector
import Discovery
import Foundation
import Identity

/// `connect browse`: the agents that others on the network announce.
struct BrowseCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "browse",
    abstract: "Look for agents that other hosts on the network announce.",
    discussion: """
      Example: osaurus-host connect browse
      For a script: osaurus-host connect browse --json --timeout 5

      On a terminal the list follows what comes and goes until Ctrl-C; with --json, --timeout or without a terminal it \
      is printed once. Anybody on the network can announce anything: a name proves nothing, and what is seen here \
      never changes a host that you know already. What counts is the address, which the agent proves in every \
      handshake. This needs avahi-daemon; without it, hosts are added by their URL.
      """)

  @Option(help: "For how many seconds to look, from 1 to 60.") var timeout: Int?
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if let timeout, !(1...60).contains(timeout) { throw ValidationError("--timeout takes 1 to 60.") }
  }

  func run() async throws {
    let filter = try await BrowseFilter.current()
    if output.json || timeout != nil || !Terminal.outputIsTerminal {
      let (rows, dropped) = try await Self.look(for: .seconds(timeout ?? 3), filter)
      if output.json { return Terminal.say(try JSONText.encode(rows)) }
      for line in Self.lines(rows, dropped: dropped) { Terminal.say(line) }
      return
    }
    var lines = LiveLines()
    lines.show(["Looking for agents on the network … (Ctrl-C ends)"])
    for await sight in Browser.sights() {
      if let obstacle = sight.obstacle {
        lines.show([obstacle.description])
      } else {
        let rows = filter.rows(of: sight)
        lines.show(
          rows.isEmpty
            ? ["Looking for agents on the network … (Ctrl-C ends)"] : Self.lines(rows, dropped: sight.dropped)
        )
      }
    }
  }

  /// How long the daemon may take to say that it looks. On a busy machine that is more than a moment.
  private static let patience: Duration = .seconds(10)

  /// What is seen after some time, which begins when the daemon first says how it is.
  /// - Throws: ``DiscoveryError`` when nothing can be seen.
  static func look(
    for time: Duration, _ filter: BrowseFilter
  ) async throws -> (rows: [BrowseRow], dropped: Int) {
    let (beginnings, beginning) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let latest = Task {
      var latest = Browser.Sight(obstacle: .noDaemon)
      for await sight in Browser.sights() {
        latest = sight
        beginning.yield()
        if case .noBus? = sight.obstacle { break }
      }
      return latest
    }
    let clock = Task {
      await withTaskGroup(of: Void.self) { group in
        group.addTask { for await _ in beginnings { break } }
        group.addTask { try? await Task.sleep(for: patience) }
        await group.next()
        group.cancelAll()
      }
      try? await Task.sleep(for: time)
      latest.cancel()
    }
    let sight = await withTaskCancellationHandler {
      await latest.value
    } onCancel: {
      latest.cancel()
    }
    clock.cancel()
    try Task.checkCancellation()
    if let obstacle = sight.obstacle { throw obstacle }
    return (filter.rows(of: sight), sight.dropped)
  }

  private static func lines(_ rows: [BrowseRow], dropped: Int) -> [String] {
    guard !rows.isEmpty else {
      return ["No agents are announced. Hosts announce theirs with: osaurus-host serve --expose"]
    }
    var table = Table("NAME", "ADDRESS", "HOST", "STATE")
    for row in rows { table.add(row.name, row.address ?? "none", "\(row.host):\(row.port)", row.state) }
    var lines = Terminal.columns.map(table.lines(within:)) ?? table.lines
    if dropped > 0 { lines.append("… and \(dropped) more, which are too many to look at.") }
    return lines
  }
}

/// Whom a person need not be shown, and whom they know.
struct BrowseFilter: Sendable {
  /// The agents of this host.
  let own: Set<UUID>
  /// The names of the hosts that are known, by the address that is pinned for each.
  let known: [Address: String]

  /// Of this user's own host, if it runs, and their book of hosts.
  static func current() async throws -> BrowseFilter {
    struct Agents: Decodable {
      struct Agent: Decodable { let id: UUID }
      let agents: [Agent]
    }
    let own = try? await Owner.withService { owner in
      try await owner.send("GET", "/control/agents").decoded(Agents.self).agents.map(\.id)
    }
    let peers = try PeerPlace.open().book.list()
    return BrowseFilter(
      own: Set(own ?? []), known: Dictionary(peers.map { ($0.address, $0.name) }) { first, _ in first })
  }

  func rows(of sight: Browser.Sight) -> [BrowseRow] {
    sight.services.filter { !own.contains($0.record.id) }
      .map { BrowseRow($0, peer: $0.record.address.flatMap { known[$0] }) }
      .sorted { ($0.name, $0.host, $0.id) < ($1.name, $1.host, $1.id) }
  }
}

/// An announced agent, as a person or a script sees it.
struct BrowseRow: Encodable {
  let name: String
  let id: String
  let description: String?
  let address: String?
  let host: String
  let port: Int
  let addresses: [String]
  let url: String
  /// Whether it is reached through the secure channel.
  let secure: Bool
  /// What the host with this address is called here; absent where it is not known.
  let peer: String?

  init(_ service: DiscoveredService, peer: String?) {
    name = service.record.name
    id = service.record.id.uuidString
    description = service.record.description.isEmpty ? nil : service.record.description
    address = service.record.address?.checksummed
    host = service.host.text
    port = Int(service.port)
    addresses = service.addresses
    url = service.url(resolvesNames: LocalNames.areResolved)
    secure = service.record.hasSecureChannel
    self.peer = peer
  }

  var state: String {
    if let peer { return "known as \(peer)" }
    if !secure { return "needs an upgrade there" }
    return address == nil ? "has no address" : "secure"
  }
}
