import Testing

@testable import Identity

@Suite("Where indices come from")
struct AgentIndexTests {
  @Test("blocks lie in the upper half, above what was used, and are taken at random")
  func blocks() {
    var random = SystemRandomNumberGenerator()
    let starts = (0..<100).map { _ in AgentIndexBlock.start(above: -1, using: &random) }
    #expect(Set(starts).count > 90)
    for start in starts {
      #expect(start >= 1 << 31 && start + AgentIndexBlock.size <= 1 << 32)
      #expect(start.isMultiple(of: AgentIndexBlock.size))
      #expect(AgentIndexBlock.start(above: start + 5, using: &random) > start + 5)
    }
    let last = (Int64(1) << 32) - 10
    #expect(AgentIndexBlock.start(above: last, using: &random) == last + 1)
  }

  @Test("a search tries the lowest indices, then the first of every block, then the second")
  func order() {
    let search = AgentIndexSearch(lowest: 10, perBlock: 2)
    #expect(search.count == 10 + 2 * 262_144)
    #expect(search.index(at: 9).rawValue == 9)
    #expect(search.index(at: 10).rawValue == 1 << 31)
    #expect(search.index(at: 11).rawValue == 1 << 31 + 8192)
    #expect(search.index(at: 10 + 262_144).rawValue == 1 << 31 + 1)
    #expect(search.index(at: search.count - 1).rawValue == UInt32.max - 8192 + 2)
  }

  @Test("an address is found again by its index, and one of another identity is not")
  func finds() throws {
    let (master, other) = try (MasterKey.generate(), MasterKey.generate())
    let search = AgentIndexSearch(lowest: 40, perBlock: 0)
    let wanted = try master.agentKey(AgentIndex(rawValue: 33)).address
    #expect(try search.find(wanted, below: master) == AgentIndex(rawValue: 33))
    #expect(try search.find(wanted, below: other) == nil)
    let blocks = AgentIndexSearch(lowest: 3, perBlock: 1)
    let inBlock = AgentIndex(rawValue: 1 << 31 + 8192 * 2)
    #expect(try blocks.find(master.agentKey(inBlock).address, below: master) == inBlock)
  }
}
