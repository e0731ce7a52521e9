import Testing

@testable import Discovery

@Suite("Where a discovered service is")
struct DiscoveredServiceTests {
  @Test("is its machine's name without the dot at the end")
  func host() throws {
    #expect(try DiscoveredService(Samples.answer(host: "home.local.")).host.text == "home.local")
  }

  @Test(
    "is its address where its machine's name is none that a URL takes",
    arguments: ["", "..", "ho me.local", "home.local/evil", "user@home", "-x.local", "a..b", "höme.local"])
  func badHost(host: String) throws {
    #expect(try DiscoveredService(Samples.answer(host: host)).host.text == "192.168.7.2")
    #expect(throws: RecordRefusal.badHost) {
      _ = try DiscoveredService(Samples.answer(host: host, address: ""))
    }
  }

  @Test("is refused without a port")
  func badPort() {
    #expect(throws: RecordRefusal.badPort) { _ = try DiscoveredService(Samples.answer(port: 0)) }
  }

  @Test("is refused with a record that is too long")
  func longRecord() {
    #expect(throws: RecordRefusal.tooLong) {
      _ = try DiscoveredService(Samples.answer(txt: .init(repeating: 0, count: TXTRecord.limit + 1)))
    }
  }

  @Test("is asked by name where names are found, else by an address that holds everywhere")
  func url() throws {
    var service = try DiscoveredService(Samples.answer())
    #expect(service.url(resolvesNames: true) == "http://home.local:1337")
    #expect(service.url(resolvesNames: false) == "http://192.168.7.2:1337")
    service.addresses = ["fd00::2", "fe80::1"]
    #expect(service.url(resolvesNames: false) == "http://[fd00::2]:1337")
    service.addresses = ["fe80::1"]
    #expect(service.url(resolvesNames: false) == "http://home.local:1337")
  }

  @Test(
    "is found by name where the name service asks the network",
    arguments: [
      ("passwd: files\nhosts: files mdns4_minimal [NOTFOUND=return] dns\n", true),
      ("hosts: files dns\n", false), ("# hosts: mdns\nhosts: files # mdns\n", false), ("", false),
    ])
  func names(configuration: String, isResolved: Bool) {
    #expect(LocalNames.areResolved(by: configuration) == isResolved)
  }
}
