import CSodium

/// Random bytes that are not secret: nonces, identifiers.
public enum RandomBytes {
  /// `count` bytes from the system's cryptographic generator.
  public static func make(_ count: Int) -> [UInt8] {
    Sodium.start()
    return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      if let base = buffer.baseAddress { randombytes_buf(base, count) }
      initialized = count
    }
  }
}
