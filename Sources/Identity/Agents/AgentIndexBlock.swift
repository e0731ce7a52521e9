/// Where a host counts its agents whose identity may have had other hosts before: from the start of a block in the
/// upper half of all indices, taken at random. The first host of an identity counts from 0.
///
/// Two hosts of one identity that do not know of each other so give their new agents different addresses, apart from
/// one chance in ``count``.
public enum AgentIndexBlock {
  /// The indices of a block.
  public static let size: Int64 = 8192
  /// The start of the first block.
  public static let first: Int64 = 1 << 31
  /// How many blocks there are.
  public static let count: Int64 = 1 << 18

  /// The start of a random block above what was used; right after it where no block is left.
  public static func start(above used: Int64, using generator: inout some RandomNumberGenerator) -> Int64 {
    let lowest = used < first ? 0 : (used - first) / size + 1
    guard lowest < count else { return used + 1 }
    return first + Int64.random(in: lowest..<count, using: &generator) * size
  }
}
