import Foundation
import Synchronization
import Testing

@testable import Sandbox

/// A desk with a clock that moves when it is told to.
private final class Office {
  private final class Clock: Sendable {
    let now = Mutex(ContinuousClock.now)
  }

  let ground: Ground
  let desk: PermissionDesk
  private let clock = Clock()
  private let told: Told

  private final class Told: Sendable {
    let events = Mutex<[PermissionEvent]>([])
    private let number = Mutex(0)

    func nextID() -> String {
      number.withLock { number in
        number += 1
        return "id\(number)"
      }
    }
  }

  init(_ mode: PermissionMode = .safe) throws {
    ground = try Ground()
    var time = PermissionTime()
    time.now = { [clock] in clock.now.withLock { $0 } }
    let told = Told()
    self.told = told
    desk = PermissionDesk(
      judgingIn: ground.folder.appending(path: "sandbox"), time: time,
      makeID: { told.nextID() },
      modes: { _ in mode }, record: { event in told.events.withLock { $0.append(event) } })
  }

  var events: [PermissionEvent.Kind] { told.events.withLock { $0.map(\.kind) } }
  var lastEvent: PermissionEvent? { told.events.withLock { $0.last } }

  func pass(_ time: Duration) { clock.now.withLock { $0 += time } }

  /// Asks for a command of words; what stands in the way of it, if anything does.
  func ask(_ words: String..., agent: UUID? = nil) async throws -> PermissionRequired? {
    do {
      try await desk.authorise(
        CommandDraft(.words(words)), for: agent ?? ground.agent, in: ground.profile)
      return nil
    } catch let error as PermissionRequired {
      return error
    }
  }

  func approve(_ id: String?, _ scope: PermissionScope) async throws {
    _ = await desk.list()
    try await desk.approve(try #require(id), scope)
  }
}

@Suite("The desk of permissions")
struct PermissionDeskTests {
  @Test("gives nothing that cannot be recorded, and goes on waiting")
  func unrecorded() async throws {
    struct Full: Error {}
    let ground = try Ground()
    let isFull = Mutex(true)
    let desk = PermissionDesk(
      judgingIn: ground.folder.appending(path: "sandbox"), modes: { _ in .safe },
      record: { event in if event.kind == .granted, isFull.withLock({ $0 }) { throw Full() } })
    let draft = CommandDraft(.words(["rm", "x"]))
    await #expect(throws: PermissionRequired.self) {
      try await desk.authorise(draft, for: ground.agent, in: ground.profile)
    }
    let id = try #require(await desk.list().requests.first?.id)
    await #expect(throws: Full.self) { try await desk.approve(id, .session) }
    await #expect(throws: PermissionRequired.self) {
      try await desk.authorise(draft, for: ground.agent, in: ground.profile)
    }
    isFull.withLock { $0 = false }
    try await desk.approve(id, .session)
    try await desk.authorise(draft, for: ground.agent, in: ground.profile)
  }

  @Test("asks the owner, and says to the agent what for, why and how, also as JSON")
  func asking() async throws {
    let office = try Office()
    #expect(try await office.ask("ls") == nil)
    let error = try #require(try await office.ask("rm", "-rf", "x"))
    #expect(error.code == "PERMISSION_REQUIRED")
    #expect(error.request == "id1")
    #expect(error.needs.map(\.permission) == [.destructiveCommand])
    #expect(error.needs.first?.evidence.first?.word == 0)
    #expect(error.nextStep.contains("osaurus-host sandbox requests"))
    let json = try JSONSerialization.jsonObject(with: error.json()) as? [String: Any]
    #expect(json?["code"] as? String == "PERMISSION_REQUIRED")
    #expect(json?["request"] as? String == "id1")
    let needs = try #require(json?["needs"] as? [[String: Any]])
    #expect(needs.first?["permission"] as? String == "destructive_command")
    let waiting = await office.desk.list().requests
    #expect(waiting.map(\.id) == ["id1"])
    #expect(waiting.first?.command == "rm -rf x")
    // It is asked once, however often the agent tries.
    #expect(try await office.ask("rm", "-rf", "x")?.request == "id1")
    #expect(await office.desk.list().requests.count == 1)
    #expect(office.events == [.asked])
  }

  @Test("an approval once is for one run of exactly that command of that agent")
  func once() async throws {
    let office = try Office()
    try await office.approve(try await office.ask("rm", "x")?.request, .once)
    #expect(try await office.ask("rm", "y")?.request == "id2")
    #expect(try await office.ask("rm", "x", agent: UUID())?.request == "id3")
    #expect(try await office.ask("rm", "x") == nil)
    #expect(try await office.ask("rm", "x")?.request == "id4")
    #expect(office.events == [.asked, .granted, .asked, .asked, .asked])
  }

  @Test("an approval once that nobody used is gone after ten minutes")
  func unused() async throws {
    let office = try Office()
    try await office.approve(try await office.ask("rm", "x")?.request, .once)
    office.pass(.seconds(601))
    #expect(try await office.ask("rm", "x") != nil)
  }

  @Test(
    "an approval for the session is for every command of that agent that needs the same, and nothing else")
  func session() async throws {
    let office = try Office()
    try await office.approve(try await office.ask("rm", "x")?.request, .session)
    office.pass(.seconds(100_000))
    #expect(try await office.ask("rm", "y") == nil)
    #expect(try await office.ask("shred", "y") == nil)
    #expect(try await office.ask("curl", "y")?.needs.map(\.permission) == [.network])
    #expect(try await office.ask("sudo", "rm", "y")?.needs.map(\.permission) == [.privilegedExecutable])
    #expect(try await office.ask("rm", "x", agent: UUID()) != nil)
    #expect(await office.desk.held().map(\.permission) == [.destructiveCommand])
    await office.desk.forget(office.ground.agent)
    #expect(try await office.ask("rm", "y") != nil)
  }

  @Test("an approval for a time ends with it; a shorter one takes nothing away")
  func time() async throws {
    let office = try Office()
    try await office.approve(try await office.ask("rm", "x")?.request, .time(.seconds(3600)))
    office.pass(.seconds(3599))
    #expect(try await office.ask("rm", "y") == nil)
    office.pass(.seconds(2))
    let again = try await office.ask("rm", "y")
    #expect(again != nil)
    try await office.approve(again?.request, .session)
    for bad in [Duration.zero, .seconds(-1), .seconds(24 * 3600 + 1)] {
      await #expect(throws: PermissionDeafness.badTime) {
        try await office.desk.approve("id1", .time(bad))
      }
    }
  }

  @Test("a denied command is not asked for again for ten minutes; another one is")
  func denial() async throws {
    let office = try Office()
    let request = try #require(try await office.ask("rm", "x")?.request)
    _ = await office.desk.list()
    try await office.desk.deny(request)
    await #expect(throws: PermissionDenied.self) { try await office.ask("rm", "x") }
    #expect(try await office.ask("rm", "y") != nil)
    #expect(await office.desk.answer(to: request, within: .seconds(60)) == .denied)
    office.pass(.seconds(601))
    #expect(try await office.ask("rm", "x") != nil)
    #expect(office.events.contains(.denied))
  }

  @Test("the owner's word counts only on what waits and was shown")
  func deafness() async throws {
    let office = try Office()
    await #expect(throws: PermissionDeafness.gone) { try await office.desk.approve("id1", .once) }
    _ = try await office.ask("rm", "x")
    await #expect(throws: PermissionDeafness.unseen) { try await office.desk.approve("id1", .once) }
    await #expect(throws: PermissionDeafness.unseen) { try await office.desk.deny("id1") }
    _ = await office.desk.list()
    try await office.desk.approve("ID1", .once)
    await #expect(throws: PermissionDeafness.gone) { try await office.desk.approve("id1", .session) }
  }

  @Test("a request expires, and who waits for an answer hears of it")
  func expiry() async throws {
    let office = try Office()
    let request = try #require(try await office.ask("rm", "x")?.request)
    office.pass(.seconds(601))
    await #expect(throws: PermissionDeafness.gone) { try await office.desk.approve(request, .once) }
    #expect(await office.desk.list().requests == [])
    #expect(await office.desk.answer(to: request, within: .seconds(60)) == .expired)
    #expect(await office.desk.answer(to: "other", within: .seconds(60)) == nil)
    #expect(office.events == [.asked, .expired])
  }

  @Test("who waits for an answer has it once the owner speaks")
  func waiting() async throws {
    let office = try Office()
    let request = try #require(try await office.ask("rm", "x")?.request)
    let desk = office.desk
    async let answer = desk.answer(to: request, within: .seconds(600))
    let revision = await office.desk.list().revision
    try await office.desk.approve(request, .once)
    #expect(await answer == .granted)
    // The list has changed, so nobody waits for that any more.
    await office.desk.change(after: revision)
  }

  @Test("an agent has at most 8 requests, and all have at most 64")
  func bounds() async throws {
    let office = try Office()
    for number in 0..<8 { #expect(try await office.ask("rm", "\(number)")?.request != nil) }
    let ninth = try #require(try await office.ask("rm", "9"))
    #expect(ninth.request == nil)
    #expect(ninth.nextStep.contains("Too many"))
    for _ in 0..<7 {
      let agent = UUID()
      for number in 0..<8 { #expect(try await office.ask("rm", "\(number)", agent: agent)?.request != nil) }
    }
    #expect(try await office.ask("rm", "x", agent: UUID())?.request == nil)
    #expect(await office.desk.list().requests.count == 64)
  }

  @Test("modes give without asking, and what they do not give is asked for alone")
  func modes() async throws {
    let dangerous = try Office(.dangerous)
    #expect(try await dangerous.ask("sudo", "rm", "x") == nil)
    let trusted = try Office(.trusted)
    #expect(try await trusted.ask("python3", "-c", "x") == nil)
    #expect(try await trusted.ask("bash", "-c", "$x")?.needs.map(\.permission) == [.destructiveCommand])
    #expect(dangerous.events == [])
  }

  @Test("when it is closed nothing waits, and nothing is allowed")
  func closing() async throws {
    let office = try Office()
    try await office.approve(try await office.ask("rm", "x")?.request, .session)
    _ = try await office.ask("curl", "x")
    await office.desk.close()
    #expect(await office.desk.list().requests == [])
    #expect(try await office.ask("rm", "x")?.request == nil)
  }

  @Test("what is recorded names the command by its digest, and the scope")
  func records() async throws {
    let office = try Office()
    try await office.approve(try await office.ask("rm", "x")?.request, .time(.seconds(60)))
    let event = try #require(office.lastEvent)
    #expect(event.kind == .granted)
    #expect(event.scope == "60 s")
    #expect(event.digest == CommandDraft(.words(["rm", "x"])).digest)
    #expect(event.permissions == [.destructiveCommand])
  }
}
