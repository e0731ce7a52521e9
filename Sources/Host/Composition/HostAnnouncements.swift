import Discovery
import Logging
import NIOCore
import ServiceLifecycle
import Stores

/// Tells the network which agents are here: those that may be asked for by others, while they may. (spec/02, C1)
///
/// Without a daemon for it the host runs all the same, and is found by its URL.
struct HostAnnouncements: Sendable {
  private let isExposed: Bool
  private let advertiser: Advertiser

  init(isExposed: Bool, logger: Logger) {
    self.isExposed = isExposed
    advertiser = Advertiser { reason in
      logger.warning("an agent is not announced on the network", metadata: ["reason": "\(reason)"])
    }
  }

  /// How it is about them.
  var state: Advertiser.State {
    get async { await advertiser.state }
  }

  /// Announces `agents` and follows their changes until the host is told to stop, upon which all are withdrawn.
  func run(at listening: HostServer.Listening, agents: AsyncStream<[AgentRecord]>) async {
    guard isExposed, let port = UInt16(exactly: listening.port) else { return }
    let interface = Self.interface(of: listening.bind)
    await cancelWhenGracefulShutdown {
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await advertiser.run() }
        for await agents in agents {
          await advertiser.announce(Self.announcements(of: agents, port: port, interface: interface))
        }
        group.cancelAll()
      }
    }
  }

  static func announcements(of agents: [AgentRecord], port: UInt16, interface: Int?) -> [Announcement] {
    agents.filter(\.isOpenToPairing).map { agent in
      let record = ServiceRecord(
        id: agent.id, name: agent.name, description: agent.description, address: agent.address)
      return Announcement(record, port: port, interface: interface)
    }
  }

  /// The interface that has an address; nil for the addresses that stand for all interfaces.
  private static func interface(of bind: String) -> Int? {
    guard let address = try? SocketAddress(ipAddress: bind, port: 0) else { return nil }
    let devices = (try? System.enumerateDevices()) ?? []
    return devices.first { $0.address?.ipAddress == address.ipAddress }?.interfaceIndex
  }
}
