import Foundation
import Identity
import Testing

@testable import Connector

@Suite("Peers")
struct PeerTests {
  private let address = Address(ignoringChecksum: "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed")!

  @Test(
    "base URLs are taken and written plainly",
    arguments: [
      ("http://tower:1337", "http://tower:1337"), ("HTTPS://Tower.Example/", "https://tower.example"),
      ("http://192.168.1.10:1337/v1/", "http://192.168.1.10:1337/v1"),
      ("http://[::1]:1337", "http://[::1]:1337"),
      ("https://relay.example/h/abc-1", "https://relay.example/h/abc-1"),
    ])
  func urls(text: String, written: String) throws {
    #expect(try Peer(name: "a", url: text, address: address).url.absoluteString == written)
  }

  @Test(
    "other URLs are refused",
    arguments: [
      "", "tower:1337", "ftp://tower", "unix:///run/x", "http://", "http:///v1", "http://user@tower",
      "http://user:word@tower", "http://:word@tower", "http://tower?x=1", "http://tower/?", "http://tower#a",
      "http://tower:0", "http://tower:99999", "http://tower/a//b", "http://tower/../b",
      "http://tower/%2e%2E/b",
      "http://to wer", "http://tower/\r\nX: y", "http://t\u{f6}wer", "http://a%2fb", "http://[::1%25eth0]:1",
      "http://tower/" + String(repeating: "a", count: 2048),
    ])
  func badURLs(text: String) {
    let error = #expect(throws: ConnectorError.self) { try Peer(name: "a", url: text, address: address) }
    guard case .invalidURL = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test(
    "names of 1 to 64 characters are taken",
    arguments: ["a", "Anna's tower", "塔", String(repeating: "é", count: 64)])
  func names(name: String) throws {
    #expect(try Peer(name: name, url: "http://tower", address: address).name == name)
  }

  @Test(
    "other names are refused",
    arguments: [
      "", " ", "a/b", "a\nb", "a\u{0}", "\u{1b}[31m", "a\u{202e}b", "a\u{2028}",
      String(repeating: "a", count: 65),
    ])
  func badNames(name: String) {
    #expect(throws: ConnectorError.invalidName) {
      try Peer(name: name, url: "http://tower", address: address)
    }
  }

  @Test("a name is one however its accents are written")
  func composed() throws {
    let name = try Peer(name: "e\u{301}", url: "http://tower", address: address).name
    #expect(Array(name.utf8) == Array("\u{e9}".utf8))
  }

  @Test("a peer is the same after it was written and read")
  func roundTrip() throws {
    var peer = try Peer(name: "tower", url: "http://tower:1337/v1", address: address)
    peer.lastHandshake = Peer.Handshake(signer: address, at: Date(timeIntervalSince1970: 1_700_000_000))
    let data = try JSONEncoder().encode(peer)
    #expect(try JSONDecoder().decode(Peer.self, from: data) == peer)
  }

  @Test("what is read is checked like what is typed")
  func decoding() throws {
    let text =
      #"{"name":"a","url":"http://user@tower","address":"0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed","addedAt":0}"#
    #expect(throws: ConnectorError.self) { try JSONDecoder().decode(Peer.self, from: Data(text.utf8)) }
  }
}
