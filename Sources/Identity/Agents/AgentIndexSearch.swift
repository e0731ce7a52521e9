/// Finds the index of an agent's address, by computing the addresses of the indices that hosts give: the lowest ones,
/// and the first ones of every block. An address cannot be turned round.
public struct AgentIndexSearch: Sendable {
  /// How many of the lowest indices are tried.
  public let lowest: UInt32
  /// How many of each block, the first ones of all blocks before the second ones.
  public let perBlock: UInt32

  public init(lowest: UInt32 = 65_536, perBlock: UInt32 = 16) {
    self.lowest = lowest
    self.perBlock = perBlock
  }

  /// How many indices are tried at most.
  public var count: Int { Int(lowest) + Int(perBlock) * Int(AgentIndexBlock.count) }

  /// The index that is tried at a place of the order, counted from 0.
  public func index(at place: Int) -> AgentIndex {
    guard place >= lowest else { return AgentIndex(rawValue: UInt32(place)) }
    let (depth, block) = (place - Int(lowest)).quotientAndRemainder(dividingBy: Int(AgentIndexBlock.count))
    let index = AgentIndexBlock.first + Int64(block) * AgentIndexBlock.size + Int64(depth)
    return AgentIndex(rawValue: UInt32(index))
  }

  /// The index whose key below `master` has the address; nil where none of those that are tried has.
  /// - Parameter progress: is told, every 1024 indices, how many were tried.
  public func find(
    _ address: Address, below master: MasterKey, progress: (Int) -> Void = { _ in }
  ) throws(IdentityError) -> AgentIndex? {
    for place in 0..<count {
      let index = index(at: place)
      if try master.agentKey(index).address == address { return index }
      if place % 1024 == 1023 { progress(place + 1) }
    }
    return nil
  }
}
