import NIOHTTP1
import Testing

@testable import Sandbox

@Suite("A list of hosts that commands may reach")
struct EgressPolicyTests {
  @Test("names hosts with their ports, and all names below one")
  func permits() throws {
    let policy = try EgressPolicy("Example.ORG.:443,*.example.com:8443")
    #expect(policy.description == "example.org:443,*.example.com:8443")
    for asked in ["example.org:443", "EXAMPLE.org.:443", "a.example.com:8443", "a.b.example.com:8443"] {
      #expect(policy.permits(try EgressTarget(asked)))
    }
    for asked in [
      "example.org:80", "www.example.org:443", "example.com:8443", "notexample.com:8443",
      "a.example.com:443", "example.org.evil.example:443",
    ] {
      #expect(!policy.permits(try EgressTarget(asked)))
    }
  }

  @Test(
    "takes no address, in whatever spelling, and nothing that is not a name with a port",
    arguments: [
      "", "example.org", "example.org:", "example.org:0", "example.org:65536", "example.org:+80",
      "example.org:٨٠", ":443", "localhost:80", "intranet:80", "*:443", "*.:443", "*.org:443", "a.*.org:443",
      "**.example.org:443", "127.0.0.1:80", "127.1:80", "2130706433:80", "0x7f000001:80", "0x7f.1:80",
      "0177.0.0.1:80", "127.0.0.1.:80", "[::1]:80", "::1:80", "[::ffff:127.0.0.1]:80", "1.2.3.4.5:80",
      "example.123:80", "user@example.org:80", "http://example.org:80", "example.org:80/path",
      "exa mple.org:80",
      "exa\u{0}mple.org:80", "example..org:80", ".example.org:80", "example.org..:80", "-a.example.org:80",
      "a-.example.org:80", "a_b.example.org:80", "ex%61mple.org:80", "exämple.org:80", "example。org:80",
      "ｅxample.org:80", "１２７.0.0.1:80", "example.org:80,,b.example:80", "example.org:80, b.example:80",
      "\(String(repeating: "a", count: 64)).example:80",
      "\(String(repeating: "a.", count: 127))example:80",
    ])
  func refuses(text: String) {
    #expect(throws: SandboxError.self) { try EgressPolicy(text) }
  }

  @Test("is of bounded length")
  func bounds() throws {
    let many = (0...EgressPolicy.mostRules).map { "a\($0).example:443" }
    #expect(try EgressPolicy(many.dropLast().joined(separator: ",")).rules.count == 256)
    #expect(throws: SandboxError.self) { try EgressPolicy(many.joined(separator: ",")) }
    #expect(throws: SandboxError.self) { try EgressPolicy([EgressPolicy.Rule]()) }
  }

  @Test("says in its refusal what to write")
  func sentences() {
    let error = #expect(throws: SandboxError.self) { try EgressPolicy("127.0.0.1:80") }
    #expect(error?.description.contains("addresses are not let through") == true)
    #expect(error?.nextStep?.contains(":443") == true)
  }
}

@Suite("The rule about addresses")
struct AddressRuleTests {
  @Test(
    "lets addresses of the internet through",
    arguments: [
      "1.1.1.1", "9.255.255.255", "11.0.0.0", "93.184.216.34", "100.63.255.255", "100.128.0.0", "128.0.0.1",
      "172.15.255.255", "172.32.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255",
      "2606:4700:4700::1111", "2a00:1450:4001::1", "2400:cb00::1",
    ])
  func permitted(text: String) throws {
    #expect(AddressRule.internet.permits(try #require(InternetAddress(text))))
  }

  @Test(
    "refuses every other one, and those that hold another one",
    arguments: [
      "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255",
      "127.0.0.1", "127.255.255.254", "168.63.129.16", "169.254.0.1", "169.254.169.254", "172.16.0.1",
      "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1",
      "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
      "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "::8.8.8.8",
      "64:ff9b::8.8.8.8", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
      "2001:2::1", "2001:10::1", "2001:db8::1", "2002:7f00:1::1", "2002:808:808::1",
      "2606:4700::5efe:7f00:1", "2606:4700::200:5efe:808:808", "3fff::1", "4000::1", "5f00::1", "fc00::1",
      "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1",
    ])
  func refused(text: String) throws {
    #expect(!AddressRule.internet.permits(try #require(InternetAddress(text))))
  }

  @Test("tells neighbours on a network by its mask")
  func neighbours() throws {
    func address(_ text: String) throws -> InternetAddress { try #require(InternetAddress(text)) }
    let own = try address("8.8.4.17")
    for (other, mask, isNear) in [
      ("8.8.4.200", "255.255.255.0", true), ("8.8.5.1", "255.255.255.0", false),
      ("8.8.4.31", "255.255.255.240", true), ("8.8.4.32", "255.255.255.240", false),
      ("8.8.4.17", "255.255.255.255", true), ("8.8.4.18", "255.255.255.255", false),
      ("9.9.9.9", "0.0.0.0", false), ("2600::1", "255.0.0.0", false),
    ] {
      #expect(own.isNeighbour(of: try address(other), under: try address(mask)) == isNear, "\(other) \(mask)")
    }
    let six = try address("2600:1:2:3::17")
    let mask = try address("ffff:ffff:ffff:ffff::")
    #expect(six.isNeighbour(of: try address("2600:1:2:3:ffff::1"), under: mask))
    #expect(!six.isNeighbour(of: try address("2600:1:2:4::1"), under: mask))
    #expect(!six.isNeighbour(of: try address("2600:1:2:3::1"), under: nil))
  }

  @Test("writes addresses as people do")
  func words() throws {
    for text in ["127.0.0.1", "2606:4700:4700::1111", "::ffff:127.0.0.1"] {
      #expect(InternetAddress(text)?.description == text)
    }
    #expect(InternetAddress(bytes: [1, 2, 3]) == nil)
  }
}

@Suite("A request to the proxy")
struct EgressRequestTests {
  private func request(
    _ method: HTTPMethod, _ uri: String, _ headers: HTTPHeaders = [:]
  ) throws -> EgressRequest {
    try EgressRequest(HTTPRequestHead(version: .http1_1, method: method, uri: uri, headers: headers))
  }

  @Test(
    "over plain HTTP is for the host in its URL, whatever its header says, and goes on without what was for the proxy"
  )
  func forwarded() throws {
    let headers: HTTPHeaders = [
      "Host": "127.0.0.1", "Connection": "close, X-Own", "X-Own": "1", "Proxy-Authorization": "Basic eDp5",
      "Proxy-Connection": "keep-alive", "Accept": "*/*", "Content-Length": "3", "Upgrade": "h2c",
    ]
    guard case .plain(let target, let head) = try request(.POST, "HTTP://Example.org/a?b=c:d@e", headers)
    else {
      Issue.record("it is a plain request")
      return
    }
    #expect(target.description == "example.org:80")
    #expect(head.uri == "/a?b=c:d@e")
    #expect(
      head.headers.sorted { $0.name < $1.name }.map { "\($0.name): \($0.value)" } == [
        "Accept: */*", "Connection: close", "Content-Length: 3", "Host: example.org",
      ])
  }

  @Test("keeps what says where its body ends, though the header for the connection names it")
  func framing() throws {
    let headers: HTTPHeaders = ["Connection": "content-length", "Content-Length": "3"]
    guard case .plain(_, let head) = try request(.POST, "http://example.org:8080?q", headers) else {
      Issue.record("it is a plain request")
      return
    }
    #expect(head.headers["Content-Length"] == ["3"])
    #expect(head.headers["Host"] == ["example.org:8080"])
    #expect(head.uri == "/?q")
  }

  @Test(
    "is refused where the host can be read in two ways, or is none",
    arguments: [
      "/", "*", "example.org:80", "https://example.org/", "ftp://example.org/", "http:/example.org/",
      "http:///example.org/", "http://user@example.org/", "http://example.org:80@127.0.0.1/",
      "http://example.org:80#@127.0.0.1/", "http://example.org/#a", "http://example.org\\@127.0.0.1/",
      "http://example.org:80:80/", "http://example.org:/", "http://%31%32%37.0.0.1/", "http://[::1]/",
      "http://127.0.0.1/", "http://localhost/", "http://example.org%00.evil.example/",
    ])
  func refused(uri: String) {
    #expect(throws: EgressHost.Refusal.self) { try request(.GET, uri) }
  }

  @Test("has one framing, and that is how it goes on")
  func oneFraming() throws {
    guard
      case .plain(_, let head) = try request(
        .GET, "http://example.org/", ["Transfer-Encoding": "Chunked"])
    else {
      Issue.record("it is a plain request")
      return
    }
    #expect(head.headers["Transfer-Encoding"] == ["chunked"])
    #expect(throws: EgressHost.Refusal.self) { try request(.TRACE, "http://example.org/") }
    for coding in ["gzip, chunked", "chunked, chunked", "identity", ""] {
      #expect(throws: EgressHost.Refusal.self, "\(coding)") {
        try request(.POST, "http://example.org/", ["Transfer-Encoding": coding])
      }
    }
    let twice: HTTPHeaders = ["Transfer-Encoding": "chunked", "transfer-encoding": "chunked"]
    #expect(throws: EgressHost.Refusal.self) { try request(.POST, "http://example.org/", twice) }
  }

  @Test("for a tunnel names a host and a port, and nothing besides")
  func tunnels() throws {
    #expect(try request(.CONNECT, "Example.org:443").target.description == "example.org:443")
    for uri in [
      "example.org", "http://example.org:443", "example.org:443/", "a@example.org:443", "[::1]:443",
    ] {
      #expect(throws: EgressHost.Refusal.self) { try request(.CONNECT, uri) }
    }
  }
}
