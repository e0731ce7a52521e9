import CSodium

/// Comparison that takes the same time whatever the bytes are.
public enum ConstantTime {
  /// Whether both buffers hold the same bytes. Buffers of different lengths differ; the lengths are not secret.
  public static func isEqual(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
    guard left.count == right.count else { return false }
    guard let leftBase = left.baseAddress, let rightBase = right.baseAddress else { return true }
    return sodium_memcmp(leftBase, rightBase, left.count) == 0
  }
}

/// Wipes bytes that had to leave guarded memory for a moment, in a way that the optimiser keeps.
public func wipe(_ bytes: inout [UInt8]) {
  bytes.withUnsafeMutableBytes { buffer in
    if let base = buffer.baseAddress { sodium_memzero(base, buffer.count) }
  }
}
