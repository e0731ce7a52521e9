import Connector
import Foundation

/// Where a host says, through the channel, that it is reached besides the place where it was asked.
struct LearnedPlaces: Decodable {
  private struct Places: Decodable {
    let network: [String]
    let relay: String?
  }

  /// What the agent is called.
  let name: String?
  private let places: Places?

  /// Reads what a host answers about one of its agents.
  init?(_ answer: [UInt8]) {
    guard let read = try? JSONDecoder().decode(Self.self, from: Data(answer)) else { return nil }
    self = read
  }

  /// Where the peer is then: its place on the network first, and the relay's second. What is known already stays.
  func applied(to peer: Peer) -> Peer {
    let known = peer.url.absoluteString
    let relay = places?.relay.flatMap { Peer.isRelayed($0, to: peer.address) ? $0 : nil }
    let moved =
      if Peer.isRelayed(known, to: peer.address) {
        try? places?.network.first.map { try peer.moved(to: $0, relayURL: known) }
      } else {
        try? peer.moved(to: known, relayURL: peer.relayURL?.absoluteString ?? relay)
      }
    return moved ?? peer
  }
}
