import Foundation
import Testing

@testable import Sandbox

@Suite("Recipes of plugins")
struct PluginRecipeTests {
  private static let whole: ToolValue = [
    "name": "Weather Report", "description": "About the weather.", "version": "1.2", "author": "Ada",
    "source": "https://example.org/weather", "dependencies": ["bash", "grep"], "setup": "echo once",
    "files": ["main.sh": "#!/bin/sh\necho hi\n", "data/places.txt": "Lisbon\n"],
    "tools": [
      [
        "id": "look_up", "description": "Looks it up.", "run": "echo \"$PARAM_CITY\"",
        "parameters": [
          "city": ["type": "string", "description": "Where.", "default": "Lisbon"],
          "days": ["type": "integer", "description": "How long."],
          "unit": ["type": "string", "description": "In what.", "enum": ["c", "f"]],
          "deep": ["type": "boolean", "default": false],
        ],
      ]
    ],
    "secrets": ["WEATHER_KEY"], "events": ["subscribe": ["day.begun"], "emit": ["rain"]],
    "permissions": ["network": "api.example.org, www.example.com", "inference": true],
    "metadata": ["colour": "blue"], "modifiedAt": "2026-01-31T12:00:00Z", "icon": "☂️",
  ]

  @Test("are read whole, with what is unknown at their top kept apart")
  func readWhole() throws {
    let recipe = try PluginRecipe(Self.whole)
    #expect(recipe.id.description == "weather-report")
    #expect(recipe.dependencies == ["bash", "grep"])
    #expect(recipe.files.map(\.path.description) == ["data/places.txt", "main.sh"])
    #expect(recipe.files.map(\.isProgram) == [false, true])
    #expect(recipe.tools.map(\.name) == ["weather-report_look_up"])
    #expect(recipe.tools[0].parameterNames == ["city", "days", "deep", "unit"])
    #expect(recipe.network == .hosts([try EgressHost("api.example.org"), try EgressHost("www.example.com")]))
    #expect(recipe.mayInfer)
    #expect(recipe.json["metadata"] == ["colour": "blue", "icon": "☂️"])
    #expect(recipe.json["icon"] == nil)
    let again = try PluginRecipe(json: Data(recipe.json.json.utf8))
    #expect(again == recipe)
    #expect(again.contentHash == recipe.contentHash)
  }

  @Test("have a hash of their content as it is written in ascending keys, whenever they were changed")
  func contentHash() throws {
    let small = try PluginRecipe(["name": "A", "description": "b/c", "modifiedAt": "2026-01-31T12:00:00Z"])
    // sha256 of {"description":"b\/c","name":"A"}
    #expect(small.contentHash == "6f5745513152a04a4e25d98e3c74be0ef2bf8dd802b6f56dacd6c6035c647f43")
    let later = try PluginRecipe(["name": "A", "description": "b/c", "modifiedAt": "2027-01-31T12:00:00Z"])
    #expect(later.contentHash == small.contentHash)
    let other = try PluginRecipe(["name": "A", "description": "b/d"])
    #expect(other.contentHash != small.contentHash)
  }

  @Test("of agents have no network but hosts by name, no models, and say where they come from")
  func restricted() throws {
    for (asked, given) in [
      ("outbound", "none"), ("none", "none"), ("*", "none"),
      ("a.example.org, b.example.org", "a.example.org,b.example.org"),
      ("a.example.org;b.example.org", "none"), ("127.0.0.1", "none"), ("localhost", "none"),
      ("https://a.example.org", "none"), ("a.example.org:22", "none"), ("a.example.org,", "none"),
      ("*.example.org", "none"), ("a.example.org\u{301}", "none"),
    ] {
      let recipe = try PluginRecipe(
        recipe("W", ["permissions": ["network": .string(asked), "inference": true]]), by: .hostBridge)
      #expect(recipe.network.text == given, "\(asked)")
      #expect(!recipe.mayInfer)
      #expect(recipe.json["metadata"] == ["created_by": "agent", "created_via": "host_bridge"])
    }
    let tool = try PluginRecipe(recipe("W", ["metadata": ["created_by": "owner", "x": 1]]), by: .agentTool)
    #expect(tool.json["metadata"] == ["created_by": "agent", "created_via": "agent_tool", "x": 1])
    #expect(tool.json["permissions"] == ["network": "none", "inference": false])
    // What it is does not change when it is read again.
    #expect(try PluginRecipe(tool.json, by: .agentTool).contentHash == tool.contentHash)
    let owners = try PluginRecipe(recipe("W", ["permissions": ["network": "outbound", "inference": true]]))
    #expect(owners.network == .outbound)
    #expect(owners.mayInfer)
  }

  @Test("reach by name, over HTTPS, and an agent's no more than the agent")
  func reach() throws {
    let network = try #require(PluginNetwork("a.example.org,b.example.org"))
    let granted = try NetworkAccess("*.example.org:80,b.example.org:443")
    #expect(network.access(within: granted, isOwners: false) == (try NetworkAccess("b.example.org:443")))
    #expect(network.access(within: .none, isOwners: false) == .none)
    #expect(network.access(within: .loopback, isOwners: false) == .none)
    #expect(
      network.access(within: .none, isOwners: true)
        == (try NetworkAccess("a.example.org:443,b.example.org:443")))
    #expect(PluginNetwork.outbound.access(within: granted, isOwners: true) == granted)
    #expect(PluginNetwork.outbound.access(within: .none, isOwners: true) == .none)
    #expect(PluginNetwork.none.access(within: granted, isOwners: true) == .none)
    #expect(PluginNetwork((0...64).map { "h\($0).example.org" }.joined(separator: ",")) == nil)
  }

  static let names = [
    "", " ", "a_b", "../x", "x/y", "1x", "-x", "x-", "x\u{0}", "x\ny", "Wetter für", "\u{212A}elvin", "a.b",
    "sandbox",
    "Osaurus", "e\u{301}", "x;id", "x'", "$(id)", String(repeating: "x", count: 41),
  ]

  @Test("are refused with a name that makes no id", arguments: names)
  func refusedNames(name: String) {
    #expect(throws: PluginRefusal.self) { try PluginRecipe(recipe(name)) }
  }

  /// A member of a recipe, and what is said to be wrong.
  static let members: [(json: String, at: String)] = [
    (#""version": 1"#, "version"), (#""version": "1\n2""#, "version"), (#""source": ["x"]"#, "source"),
    (#""dependencies": "curl""#, "dependencies"), (#""dependencies": ["curl; id"]"#, "dependencies"),
    (#""dependencies": ["--root"]"#, "dependencies"), (#""dependencies": ["$(id)"]"#, "dependencies"),
    (#""dependencies": ["curl", "curl"]"#, "dependencies"), (#""dependencies": [""]"#, "dependencies"),
    (#""setup": 1"#, "setup"), (#""setup": "a\u0000b""#, "setup"), (#""files": ["a"]"#, "files"),
    (#""files": {"a": 1}"#, "files"), (#""files": {"": "x"}"#, "files"),
    (#""files": {"/etc/x": "x"}"#, "files"),
    (#""files": {"../x": "x"}"#, "files"), (#""files": {"a/../../x": "x"}"#, "files"),
    (#""files": {"a..b": "x"}"#, "files"), (#""files": {"a/./b": "x"}"#, "files"),
    (#""files": {"./a": "x"}"#, "files"),
    (#""files": {"a//b": "x"}"#, "files"), (#""files": {"a/": "x"}"#, "files"),
    (#""files": {"a\u0000b": "x"}"#, "files"),
    (#""files": {"a\nb": "x"}"#, "files"), (#""files": {"a\\b": "x"}"#, "files"),
    (#""files": {"a b": "x"}"#, "files"),
    (#""files": {"a;id": "x"}"#, "files"), (#""files": {"ä": "x"}"#, "files"),
    (#""files": {"a\u0301": "x"}"#, "files"),
    (#""files": {".": "x"}"#, "files"), (#""files": {"a": "\u007fELF\u0000"}"#, "files"),
    (#""files": {"a": "x", "a/b": "y"}"#, "files"), (#""files": {"1/2/3/4/5/6/7/8/9": "x"}"#, "files"),
    (#""tools": {"id": "x"}"#, "tools"), (#""tools": ["x"]"#, "tools[0]"),
    (#""tools": [{"id":"a","description":"b","run":"c"},{"id":"a","description":"b","run":"d"}]"#, "tools"),
    (#""daemon": "run""#, "daemon"), (#""daemon": {}"#, "daemon.command"),
    (#""daemon": {"command": "x", "env": {"LD_PRELOAD": "x"}}"#, "daemon.env"),
    (#""daemon": {"command": "x", "env": {"A": 1}}"#, "daemon.env"),
    (#""daemon": {"command": "x", "user": "root"}"#, "daemon.user"), (#""secrets": ["PATH"]"#, "secrets"),
    (#""secrets": ["LD_PRELOAD"]"#, "secrets"), (#""secrets": ["a b"]"#, "secrets"),
    (#""secrets": ["PARAM_CITY"]"#, "secrets"), (#""secrets": ["OSAURUS_PLUGIN"]"#, "secrets"),
    (#""secrets": "KEY""#, "secrets"), (#""events": ["subscribe"]"#, "events"),
    (#""events": {"subscribe": [1]}"#, "events.subscribe"), (#""events": {"all": true}"#, "events.all"),
    (#""permissions": true"#, "permissions"), (#""permissions": {"root": true}"#, "permissions.root"),
    (#""metadata": "x""#, "metadata"), (#""modifiedAt": "yesterday""#, "modifiedAt"),
    (#""modifiedAt": 12"#, "modifiedAt"),
  ]

  @Test(
    "are refused with the first member that cannot be taken, whoever made them", arguments: members.indices)
  func refusedMembers(index: Int) throws {
    let (member, field) = Self.members[index]
    for maker in [PluginMaker.owner, .hostBridge] {
      try Self.refuse("{\"name\": \"x\", \"description\": \"y\", \(member)}", field, by: maker)
    }
  }

  /// What an agent's recipe asks for in vain, an owner's does not ask for.
  @Test("of the owner are refused with permissions that are none")
  func permissions() throws {
    for text in [#"{"network": "everything"}"#, #"{"network": true}"#, #"{"network": "a.example.org:22"}"#] {
      try Self.refuse(
        "{\"name\": \"x\", \"description\": \"y\", \"permissions\": \(text)}", "permissions.network",
        by: .owner)
    }
    try Self.refuse(
      #"{"name": "x", "description": "y", "permissions": {"inference": "maybe"}}"#, "permissions.inference",
      by: .owner)
  }

  private static func refuse(_ json: String, _ field: String, by maker: PluginMaker) throws {
    do {
      _ = try PluginRecipe(json: Data(json.utf8), by: maker)
      Issue.record("taken: \(json)")
    } catch {
      guard case .recipe(let at, let reason) = error else { throw error }
      #expect(at == field, "\(json): \(reason)")
      #expect(!reason.isEmpty)
      #expect(error.failure.kind == .invalidArguments)
    }
  }

  /// Members of a tool that has them besides its own, and what is said to be wrong.
  static let tools: [(json: String, at: String)] = [
    (#""description": "b", "run": "c""#, "id"), (#""id": "a b", "description": "b", "run": "c""#, "id"),
    (#""id": "1a", "description": "b", "run": "c""#, "id"),
    (#""id": "a/b", "description": "b", "run": "c""#, "id"),
    (#""id": "a\u0301", "description": "b", "run": "c""#, "id"), (#""id": "a", "run": "c""#, "description"),
    (#""id": "a", "description": "b""#, "run"), (#""id": "a", "description": "b", "run": " \n""#, "run"),
    (#""id": "a", "description": "b", "run": ["c"]"#, "run"),
    (#""id": "a", "description": "b", "run": "c\u0000""#, "run"),
    (#""id": "a", "description": "b", "run": "c", "root": true"#, "root"),
    (#""id": "a", "description": "b", "run": "c", "parameters": ["p"]"#, "parameters"),
  ]

  static let parameters: [(json: String, at: String)] = [
    (#""a-b": {}"#, ""), (#""1": {}"#, ""), (#""a=b": {}"#, ""), (#""": {}"#, ""), (#""a": {}, "A": {}"#, ""),
    (#""p": "string""#, ".p"), (#""p": {"type": "file"}"#, ".p.type"), (#""p": {"type": 1}"#, ".p.type"),
    (#""p": {"type": "integer", "enum": ["1"]}"#, ".p.enum"), (#""p": {"enum": [1]}"#, ".p.enum"),
    (#""p": {"enum": ["a", "a"]}"#, ".p.enum"), (#""p": {"type": "integer", "default": "x"}"#, ".p.default"),
    (#""p": {"enum": ["a"], "default": "b"}"#, ".p.default"),
    (#""p": {"type": "boolean", "default": "perhaps"}"#, ".p.default"),
    (#""p": {"required": true}"#, ".p.required"),
  ]

  @Test("are refused with a tool or a parameter that cannot be taken")
  func toolRefusals() throws {
    func whole(_ tool: String) -> String {
      "{\"name\": \"x\", \"description\": \"y\", \"tools\": [{\(tool)}]}"
    }
    for (tool, field) in Self.tools { try Self.refuse(whole(tool), "tools[0].\(field)", by: .owner) }
    for (parameters, field) in Self.parameters {
      let tool = #""id": "a", "description": "b", "run": "c", "parameters": {"# + parameters + "}"
      try Self.refuse(whole(tool), "tools[0].parameters\(field)", by: .owner)
    }
  }

  @Test("are refused where there is too much of anything")
  func bounds() {
    func long(_ count: Int) -> ToolValue { .string(String(repeating: "x", count: count)) }
    func object(_ count: Int, _ value: ToolValue) -> ToolValue {
      .object(Dictionary(uniqueKeysWithValues: (0..<count).map { ("n\($0)", value) }))
    }
    func tool(_ member: String, _ value: ToolValue) -> ToolValue {
      let tool: [String: ToolValue] = ["id": "a", "description": "b", "run": "c"]
      return .array([.object(tool.merging([member: value]) { $1 })])
    }
    func names(_ count: Int) -> ToolValue { .texts((0..<count).map { "N\($0)" }) }
    let some: [(String, ToolValue)] = [
      ("description", long(4001)), ("author", long(201)), ("setup", long((64 << 10) + 1)),
      ("dependencies", names(65)), ("secrets", names(33)), ("icon", long(65 << 10)),
      ("files", ["a": long((1 << 20) + 1)]), ("files", object(257, "x")), ("files", object(4, long(900_000))),
    ]
    let others: [(String, ToolValue)] = [
      ("tools", .array(Array(repeating: "x", count: 65))), ("tools", tool("id", long(41))),
      ("tools", tool("description", long(2001))), ("tools", tool("run", long((64 << 10) + 1))),
      ("tools", tool("parameters", object(33, [:]))), ("events", .object(["emit": names(65)])),
    ]
    for (member, value) in some + others {
      #expect(throws: PluginRefusal.self, "\(member)") { try PluginRecipe(recipe("x", [member: value])) }
    }
  }

  @Test("are refused as text that is none, is too long, or nests too deep")
  func texts() {
    for text in [
      "", "{", "null", "[]", "{\"name\":\"x\"", String(repeating: "[", count: 100_000),
      "{\"a\":" + String(repeating: "[", count: 70) + String(repeating: "]", count: 70) + "}",
    ] {
      #expect(throws: PluginRefusal.self) { try PluginRecipe(json: Data(text.utf8)) }
    }
    #expect(throws: PluginRefusal.self) { try PluginRecipe(json: Data(count: PluginRecipe.longest + 1)) }
    #expect(throws: PluginRefusal.self) { try PluginRecipe(json: Data([0x7b, 0xff, 0xfe, 0x7d])) }
  }

  @Test("that are whatever they are never break anything, and those that are taken stay what they are")
  func chance() throws {
    for seed: UInt64 in 1...300 {
      var chance = Chance(seed: seed)
      let value = Self.mutated(Self.whole, &chance)
      let maker: PluginMaker = Bool.random(using: &chance) ? .owner : .hostBridge
      guard let recipe = try? PluginRecipe(value, by: maker) else { continue }
      let again = try PluginRecipe(json: Data(recipe.json.json.utf8))
      #expect(again.contentHash == recipe.contentHash, "seed \(seed)")
      for file in recipe.files {
        let path = URL(filePath: "/code/" + file.path.description).standardizedFileURL.path
        #expect(path == "/code/" + file.path.description, "seed \(seed)")
        #expect(!file.text.utf8.contains(0))
      }
      for tool in recipe.tools {
        #expect(tool.name.wholeMatch(of: /[a-z][a-z0-9-]*_[A-Za-z][A-Za-z0-9_-]*/) != nil, "seed \(seed)")
        #expect(tool.name.utf8.count <= 64)
      }
      if !maker.isOwner {
        #expect(!recipe.mayInfer && recipe.network != .outbound, "seed \(seed)")
        #expect(recipe.json["metadata"]?["created_by"] == "agent", "seed \(seed)")
      }
    }
  }

  private struct Chance: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
      state &+= 0x9e37_79b9_7f4a_7c15
      var mixed = state
      mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
      return mixed ^ (mixed >> 31)
    }
  }

  private static let oddities: [ToolValue] = [
    .null, true, 0, .int(.max), .double(1e300), "", "\u{0}", "../../etc/passwd", "a\u{301}", "x\n",
    .string(String(repeating: "x", count: 70_000)), [], [:], ["x"], ["a": "b"], "none", "outbound",
    "$(id)", "'; id; '",
  ]

  /// A value in which some of it is something else.
  private static func mutated(_ value: ToolValue, _ chance: inout Chance, depth: Int = 0) -> ToolValue {
    if depth > 0, Int.random(in: 0..<25, using: &chance) == 0 {
      return oddities.randomElement(using: &chance) ?? .null
    }
    switch value {
    case .object(let members):
      var all: [String: ToolValue] = [:]
      for (key, value) in members.sorted(by: { $0.key < $1.key }) {
        if Int.random(in: 0..<30, using: &chance) == 0 { continue }
        let isOdd = Int.random(in: 0..<30, using: &chance) == 0
        all[isOdd ? oddities.randomElement(using: &chance)?.string ?? key : key] = mutated(
          value, &chance, depth: depth + 1)
      }
      return .object(all)
    case .array(let values): return .array(values.map { mutated($0, &chance, depth: depth + 1) })
    default: return value
    }
  }
}
