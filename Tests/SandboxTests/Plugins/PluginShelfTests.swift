import Foundation
import Synchronization
import Testing

@testable import Sandbox

@Suite("The shelf of an agent's plugins")
struct PluginShelfTests {
  private static func order(_ text: String, replaces: Bool = false, _ more: [String: ToolValue] = [:]) throws
    -> PluginOrder
  {
    PluginOrder(
      recipe: try PluginRecipe(
        recipe("Weather", run: text, ["files": ["say.sh": .string(text)]].merging(more) { $1 })),
      maker: .owner, replaces: replaces)
  }

  private static func install(_ shelf: PluginShelf, _ order: PluginOrder) async throws -> PluginOutcome {
    try await shelf.install(order, admit: { _ in }, setUp: { _ in nil })
  }

  @Test("keeps a plugin, also for another process, and does nothing where it is there as it is")
  func kept() async throws {
    let ground = try Ground()
    let shelf = PluginShelf(of: ground.profile.places)
    let outcome = try await Self.install(shelf, try Self.order("echo one"))
    #expect(outcome.change == .installed)
    #expect(try await Self.install(shelf, try Self.order("echo one")).change == .unchanged)
    let other = PluginShelf(of: ground.profile.places)
    let plugin = try other.plugin("weather")
    #expect(plugin.recipe == outcome.plugin.recipe)
    #expect(plugin.maker == .owner)
    #expect(abs(plugin.installedAt.timeIntervalSinceNow) < 3600)
    let file = plugin.folder.appending(path: "code/say.sh")
    #expect(try String(contentsOf: file, encoding: .utf8) == "echo one")
    for (path, mode) in [
      ("", 0o700), ("code", 0o700), ("home", 0o700), ("code/say.sh", 0o600), ("plugin.json", 0o600),
    ] {
      let attributes = try FileManager.default.attributesOfItem(
        atPath: plugin.folder.appending(path: path).path)
      #expect(attributes[.posixPermissions] as? Int == mode, "\(path)")
    }
    #expect(throws: PluginRefusal.notFound("rain")) { try other.plugin("rain") }
  }

  @Test("replaces a plugin on purpose alone, whole, and takes the old one away")
  func replaced() async throws {
    let ground = try Ground()
    let shelf = PluginShelf(of: ground.profile.places)
    let old = try await Self.install(shelf, try Self.order("echo one", ["files": ["old.sh": "x"]])).plugin
    try Data("kept".utf8).write(to: old.folder.appending(path: "home/note"))
    await #expect(throws: PluginRefusal.exists(old.id)) {
      try await Self.install(shelf, try Self.order("echo two"))
    }
    #expect(try shelf.plugin("weather").recipe == old.recipe)
    let new = try await Self.install(shelf, try Self.order("echo two", replaces: true))
    #expect(new.change == .replaced)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: new.plugin.folder.appending(path: "code").path) == [
        "say.sh"
      ])
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: new.plugin.folder.appending(path: "home").path)
        == [])
    #expect(try Self.names(ground) == ["weather"])
  }

  @Test("leaves everything as it was where who has to admit it or the setup says no")
  func refused() async throws {
    let ground = try Ground()
    let shelf = PluginShelf(of: ground.profile.places)
    for isThere in [false, true] {
      if isThere { _ = try await Self.install(shelf, try Self.order("echo one")) }
      let order = try Self.order("echo two", replaces: true)
      await #expect(throws: Unexpected.self) {
        try await shelf.install(order, admit: { _ in throw Unexpected() }, setUp: { _ in nil })
      }
      await #expect(throws: Unexpected.self) {
        try await shelf.install(order, admit: { _ in }, setUp: { _ in throw Unexpected() })
      }
      #expect(try Self.names(ground) == (isThere ? ["weather"] : []))
      #expect(shelf.contents.plugins.map(\.recipe.tools[0].run) == (isThere ? ["echo one"] : []))
    }
  }

  @Test("has the old plugin or the new one after a sudden end anywhere, and clears up before the next change")
  func suddenEnds() async throws {
    for isThere in [false, true] {
      for point in [PluginShelf.Point.begun, .filled, .setUp, .recorded, .switched, .cleaned] {
        let ground = try Ground()
        let places = ground.profile.places
        if isThere { _ = try await Self.install(PluginShelf(of: places), try Self.order("echo one")) }
        let ending = PluginShelf(of: places) { if $0 == point { throw PluginShelf.Stopped() } }
        await #expect(throws: PluginShelf.Stopped.self) {
          try await Self.install(ending, try Self.order("echo two", replaces: true))
        }
        let after = PluginShelf(of: places)
        let isNew = point == .switched || point == .cleaned
        let runs = after.contents.plugins.map(\.recipe.tools[0].run)
        #expect(runs == (isNew ? ["echo two"] : isThere ? ["echo one"] : []), "\(point)")
        #expect(after.contents.damaged == [])
        if let plugin = after.contents.plugins.first {
          let code = try String(contentsOf: plugin.folder.appending(path: "code/say.sh"), encoding: .utf8)
          #expect(code == plugin.recipe.tools[0].run)
        }
        _ = try await Self.install(after, try Self.order("echo three", replaces: true))
        #expect(try Self.names(ground) == ["weather"], "\(point)")
      }
    }
  }

  @Test("has a plugin or none after a sudden end of its removal, and none that keeps its secrets")
  func removal() async throws {
    for point in [PluginShelf.Point.unnamed, .forgotten, .removed] {
      let ground = try Ground()
      let places = ground.profile.places
      _ = try await Self.install(PluginShelf(of: places), try Self.order("echo one"))
      let forgotten = Mutex(false)
      let ending = PluginShelf(of: places) { if $0 == point { throw PluginShelf.Stopped() } }
      await #expect(throws: PluginShelf.Stopped.self) {
        try await ending.remove("weather") { _ in forgotten.withLock { $0 = true } }
      }
      #expect(PluginShelf(of: places).contents.plugins.isEmpty)
      #expect(forgotten.withLock { $0 } == (point != .unnamed))
      // Who installs one of the same id is told that there is none, and forgets what the other one kept.
      let told = Mutex<[InstalledPlugin?]>([])
      _ = try await PluginShelf(of: places).install(
        try Self.order("echo two"), admit: { old in told.withLock { $0.append(old) } }, setUp: { _ in nil })
      #expect(told.withLock { $0.count == 1 && $0[0] == nil })
      #expect(try Self.names(ground) == ["weather"])
    }
    let ground = try Ground()
    await #expect(throws: PluginRefusal.notFound("weather")) {
      try await PluginShelf(of: ground.profile.places).remove("weather") { _ in }
    }
    await #expect(throws: PluginRefusal.notFound("../home")) {
      try await PluginShelf(of: ground.profile.places).remove("../home") { _ in }
    }
  }

  @Test("removes what a setup left, through no link")
  func links() async throws {
    let ground = try Ground()
    let shelf = PluginShelf(of: ground.profile.places)
    let plugin = try await Self.install(shelf, try Self.order("echo one")).plugin
    let outside = ground.folder.appending(path: "outside")
    try FileManager.default.createDirectory(at: outside, withIntermediateDirectories: false)
    try Data("kept".utf8).write(to: outside.appending(path: "file"))
    for place in ["code/link", "home/link"] {
      try FileManager.default.createSymbolicLink(
        at: plugin.folder.appending(path: place), withDestinationURL: outside)
    }
    try await shelf.remove("weather") { _ in }
    #expect(FileManager.default.fileExists(atPath: outside.appending(path: "file").path))
    #expect(try Self.names(ground) == [])
  }

  @Test("runs nothing of a record that was changed into something else, and can remove or replace it")
  func damaged() async throws {
    let ground = try Ground()
    let plugin = try await Self.install(PluginShelf(of: ground.profile.places), try Self.order("echo one"))
      .plugin
    let record = plugin.folder.appending(path: "plugin.json")
    let good = try Data(contentsOf: record)
    let others = [
      Data("{".utf8), Data(),
      Data(String(decoding: good, as: UTF8.self).replacing("Weather", with: "Rain").utf8),
      Data(String(decoding: good, as: UTF8.self).replacing("say.sh", with: "..\\/say").utf8),
    ]
    for other in others {
      try other.write(to: record)
      let shelf = PluginShelf(of: ground.profile.places)
      #expect(shelf.contents.plugins.isEmpty)
      #expect(shelf.contents.damaged == [plugin.id])
      await #expect(throws: PluginRefusal.exists(plugin.id)) {
        try await Self.install(shelf, try Self.order("echo one"))
      }
    }
    let shelf = PluginShelf(of: ground.profile.places)
    #expect(try await Self.install(shelf, try Self.order("echo two", replaces: true)).change == .replaced)
    #expect(shelf.contents.damaged == [])
  }

  @Test("takes one change at a time, and no more plugins and tools than may be")
  func bounds() async throws {
    let ground = try Ground()
    let shelf = PluginShelf(of: ground.profile.places)
    let other = PluginShelf(of: ground.profile.places)
    _ = try await shelf.install(
      try Self.order("echo one"), admit: { _ in },
      setUp: { _ in
        await #expect(throws: PluginRefusal.busy) {
          try await Self.install(other, try Self.order("echo two"))
        }
        await #expect(throws: PluginRefusal.busy) { try await other.remove("weather") { _ in } }
        return nil
      })
    func many(_ name: String, tools: Int) throws -> PluginOrder {
      let all: [ToolValue] = (0..<tools).map { ["id": .string("t\($0)"), "description": "d", "run": "true"] }
      return PluginOrder(recipe: try PluginRecipe(recipe(name, ["tools": .array(all)])), maker: .owner)
    }
    _ = try await Self.install(shelf, try many("a", tools: 64))
    _ = try await Self.install(shelf, try many("b", tools: 63))
    await #expect(throws: PluginRefusal.tooMany(PluginShelf.mostTools)) {
      try await Self.install(shelf, try many("c", tools: 1))
    }
    for number in 3..<PluginShelf.most { _ = try await Self.install(shelf, try many("p\(number)", tools: 0)) }
    await #expect(throws: PluginRefusal.tooMany(PluginShelf.most)) {
      try await Self.install(shelf, try many("z", tools: 0))
    }
  }

  /// What lies there, without the lock.
  private static func names(_ ground: Ground) throws -> [String] {
    let folder = ground.profile.places.pluginsFolder.path
    return try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0 != ".lock" }.sorted()
  }
}
