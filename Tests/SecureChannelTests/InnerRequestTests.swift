import Foundation
import Identity
import Testing

@testable import SecureChannel

@Suite("The request inside a call")
struct InnerRequestTests {
  private static let request = RawJSON([
    "method": #""POST""#, "path": #""/agents/x/run""#, "authorization": #""Bearer k""#,
    "accept": #""text/event-stream""#, "contentType": #""application/json""#,
    "headers": #"{"X-Custom":"v"}"#, "body": #""e30""#,
  ])

  private static func request(path: String) throws -> InnerRequest {
    try InnerRequest(InnerRequest(method: "POST", path: path).encoded())
  }

  @Test("garbage is no request", arguments: Garbage.texts)
  func garbage(text: [UInt8]) {
    #expect(throws: SecureChannelError.malformedInnerRequest) { try InnerRequest(text) }
  }

  @Test("a request that was cut, continued or encoded otherwise is refused")
  func ruins() {
    for text in Garbage.ruins(of: Self.request.bytes) {
      #expect(throws: SecureChannelError.malformedInnerRequest) { try InnerRequest(text) }
    }
  }

  @Test("a member of another type is refused")
  func wrongTypes() {
    for (key, _) in Self.request.members {
      for wrong in ["1", "true", "[]", #"["a"]"#, #"{"a":1}"#, #"{"a":null}"#, #"{"a":{"b":"c"}}"#] {
        #expect(throws: SecureChannelError.malformedInnerRequest, "\(key) \(wrong)") {
          try InnerRequest(Self.request.with(key, wrong).bytes)
        }
      }
    }
    #expect(throws: SecureChannelError.malformedInnerRequest) {
      try InnerRequest(Self.request.with("headers", #""a""#).bytes)
    }
  }

  @Test("method and path must be there; the rest may be missing or null")
  func optionalMembers() throws {
    for key in ["method", "path"] {
      for value in [nil, "null"] {
        #expect(throws: SecureChannelError.malformedInnerRequest) {
          try InnerRequest(Self.request.with(key, value).bytes)
        }
      }
    }
    for key in ["authorization", "accept", "contentType", "headers", "body"] {
      let without = try InnerRequest(Self.request.with(key, nil).bytes)
      #expect(without == (try InnerRequest(Self.request.with(key, "null").bytes)))
      #expect(without != (try InnerRequest(Self.request.bytes)))
    }
  }

  @Test(
    "a body that is not base64url is refused",
    arguments: ["e", "e3 0", "e30*", "e31", "é", #"e30\n"#, "e30=="])
  func body(text: String) {
    #expect(throws: SecureChannelError.malformedInnerRequest) {
      try InnerRequest(Self.request.with("body", "\"\(text)\"").bytes)
    }
  }

  @Test("an empty body is a body")
  func emptyBody() throws {
    #expect(try InnerRequest(Self.request.with("body", "\"\"").bytes).body == [])
  }

  @Test(
    "the channel is not entered a second time, however its path is spelled",
    arguments: [
      "/secure", "/secure/", "/secure/call", "/secure/session", "/secure/x", "/secure?x", "/secure/call?x=1",
      "/secure#x", "/v1/secure/call", "/api/secure/call", "/v1/api/secure/call", "/api/v1/secure/call",
      "/v1/v1/secure/call", "//secure/call", "/secure//call", "///secure", "//v1//secure/call",
      "/./secure/call", "/x/../secure/call", "/x/y/../../secure/call", "/../secure/call",
      "/v1/./secure/call", "/v1/x/../secure", "/secure/../secure/call", "/Secure/call", "/SECURE",
      "/V1/secure/call", "/%73ecure/call", "/secur%65", "/%53ecure", "/%2fsecure/call", "/%2Fsecure",
      "/v1%2Fsecure/call", "/x/%2e%2e/secure/call", "/x/%2E./secure", "/%2573ecure/call", "/%252fsecure",
      "/\\secure/call", "/%5Csecure", "/secure%3Fx", "/secure%23x", "/secure%2Fcall",
      "/%252525252525", "/a%25252525252f",
    ])
  func nested(path: String) {
    guard !["/secure%3Fx", "/secure%23x"].contains(path) else {
      // An encoded ? or # is a letter like any other: the segment has another name.
      #expect((try? Self.request(path: path))?.path == path)
      return
    }
    #expect(throws: SecureChannelError.malformedInnerRequest) { try Self.request(path: path) }
  }

  @Test(
    "paths that only look like the channel's are free",
    arguments: [
      "/", "/?secure", "/?/secure/call", "/secured", "/secure-x", "/secures/call", "/agents/secure/run",
      "/agents/x/secure/call", "/x/secure", "/v1", "/v1/", "/v1/models", "/v1secure/call",
      "/secure/../models",
      "/models?x=%2Fsecure", "/models/%", "/models/%zz", "/models/%7", "/models/a%20b", "/agents/%C3%A9",
      "/v2/secure/call", "/.secure", "/secure.", "/...", "/*", "/:1/", "/@host/", "//",
    ])
  func free(path: String) throws {
    #expect(try Self.request(path: path).path == path)
  }

  @Test(
    "a path that is no path is refused",
    arguments: [
      "", " ", "models", "http://host/models", "@host/", "*", "?x", "#", "\\secure", "/a b", "/a\tb",
      "/a\r\nHost: x",
      "/a\nb", "/a\0", "/a\u{7f}", "/é", "/😀", " /models", "/models ",
    ])
  func noPath(path: String) {
    #expect(throws: SecureChannelError.malformedInnerRequest) { try Self.request(path: path) }
  }

  @Test("a path may have 65,536 bytes")
  func longPath() throws {
    let path = "/" + String(repeating: "a", count: 65_535)
    #expect(try Self.request(path: path).path == path)
    #expect(throws: SecureChannelError.malformedInnerRequest) { try Self.request(path: path + "a") }
    let slashes = String(repeating: "/", count: 1 << 20)
    #expect(throws: SecureChannelError.malformedInnerRequest) { try Self.request(path: slashes) }
  }

  @Test("headers may have 65,536 bytes together")
  func longHeaders() throws {
    func request(_ count: Int) throws -> InnerRequest {
      let value = String(repeating: "a", count: count - #"{"A":""}"#.utf8.count)
      return try InnerRequest(Self.request.with("headers", #"{"A":"\#(value)"}"#).bytes)
    }
    #expect(try request(65_536).headers?["A"]?.utf8.count == 65_528)
    #expect(throws: SecureChannelError.malformedInnerRequest) { try request(65_537) }
    let many = (0..<10_000).map { "\"\($0)\":\"\"" }.joined(separator: ",")
    #expect(throws: SecureChannelError.malformedInnerRequest) {
      try InnerRequest(Self.request.with("headers", "{\(many)}").bytes)
    }
  }

  @Test("a long request is read like a short one, whatever stands beside its body")
  func long() throws {
    let body = String(repeating: "AAAA", count: 50_000)
    let long = try InnerRequest(
      Self.request.with("body", "\"\(body)\"").with("contentType", #""a/b; c=\"é\u00e9\"""#)
        .with("x", LongJSON.text).bytes)
    #expect(long.body == [UInt8](repeating: 0, count: 150_000) && long.contentType == "a/b; c=\"éé\"")
    #expect(long.headers == ["X-Custom": "v"] && long.authorization == "Bearer k")
  }

  @Test("a method is letters, in any case", arguments: ["get", "Get", "GET"])
  func method(text: String) throws {
    #expect(try InnerRequest(Self.request.with("method", "\"\(text)\"").bytes).method == "GET")
  }

  @Test(
    "a method that is none is refused",
    arguments: ["", " ", "GE T", "G3T", "GÉT", #"GET\r\n"#, "GET ", "{", "@"])
  func noMethod(text: String) {
    #expect(throws: SecureChannelError.malformedInnerRequest) {
      try InnerRequest(Self.request.with("method", "\"\(text)\"").bytes)
    }
  }

  @Test("it shows neither access key nor headers nor body")
  func description() throws {
    let request = InnerRequest(
      method: "POST", path: "/x", authorization: "Bearer hidden", headers: ["X-Key": "hidden"],
      body: Array("hidden".utf8))
    var dumped = ""
    dump(request, to: &dumped)
    for text in [
      "\(request)", String(reflecting: request), dumped, "\([request] as [Any])",
      "\(Optional(request) as Any)",
    ] {
      #expect(text.contains("/x") && !text.contains("hidden") && !text.contains("104, 105"))
    }
  }

  // MARK: Against Foundation

  private struct Mirrored: Codable, Equatable {
    var method: String
    var path: String
    var authorization: String?
    var accept: String?
    var contentType: String?
    var headers: [String: String]?
    var body: String?

    init(_ request: InnerRequest) {
      (method, path, authorization) = (request.method, request.path, request.authorization)
      (accept, contentType, headers) = (request.accept, request.contentType, request.headers)
      body = request.body.map(Base64URL.string)
    }
  }

  static func random(_ generator: inout SeededGenerator) -> InnerRequest {
    func maybe<T>(_ make: (inout SeededGenerator) -> T) -> T? {
      Bool.random(using: &generator) ? make(&generator) : nil
    }
    var request = InnerRequest(
      method: ["GET", "POST", "DELETE"].randomElement(using: &generator)!, path: "/a/b?c=d/\"\\")
    request.authorization = maybe { $0.text(upTo: 60) }
    request.accept = maybe { $0.text(upTo: 20) }
    request.contentType = maybe { $0.text(upTo: 20) }
    request.headers = maybe { generator in
      var headers: [String: String] = [:]
      for _ in 0..<Int.random(in: 0...5, using: &generator) {
        headers[generator.text(upTo: 10)] = generator.text(upTo: 30)
      }
      return headers
    }
    request.body = maybe { $0.bytes(Int.random(in: 0...200, using: &$0)) }
    return request
  }

  @Test(
    "Foundation reads what ours writes, and ours what Foundation writes", arguments: 0..<60 as Range<UInt64>)
  func codec(seed: UInt64) throws {
    var generator = SeededGenerator(seed)
    let encoder = JSONEncoder()
    for formatting in [[], .prettyPrinted, [.sortedKeys, .withoutEscapingSlashes]]
      as [JSONEncoder.OutputFormatting]
    {
      let request = Self.random(&generator)
      #expect(try InnerRequest(request.encoded()) == request)
      #expect(
        try JSONDecoder().decode(Mirrored.self, from: Data(request.encoded())) == Mirrored(request))
      encoder.outputFormatting = formatting
      #expect(try InnerRequest(Array(encoder.encode(Mirrored(request)))) == request)
    }
  }

  @Test(
    "written with keys in order, it is byte for byte what Foundation writes",
    arguments: 0..<40 as Range<UInt64>)
  func bytes(seed: UInt64) throws {
    var generator = SeededGenerator(seed)
    var request = Self.random(&generator)
    // Foundation sorts keys in another order when they are not ASCII.
    request.headers = request.headers.map { _ in ["A": "b", "C": "d/e"] }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    #expect(try Array(encoder.encode(Mirrored(request))) == request.encoded())
  }
}
