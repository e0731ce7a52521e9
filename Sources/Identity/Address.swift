/// The name of an identity on the wire: the last 20 bytes of the Keccak-256 of a public key, the same as an
/// Ethereum address. Two addresses are equal when their bytes are, however they were written. (spec/01, A2)
public struct Address: Hashable, Sendable {
  /// The number of bytes.
  public static let byteCount = 20

  // Twenty bytes as words, so that comparing and hashing need no memory of their own.
  private let high: UInt64
  private let middle: UInt64
  private let low: UInt32

  /// Reads what a person typed: `0x` and 40 hexadecimal digits. Digits of mixed case carry a checksum
  /// (EIP-55), which has to be right.
  /// - Throws: ``IdentityError/malformedAddress`` or ``IdentityError/addressChecksum``.
  public init(_ text: some StringProtocol) throws(IdentityError) {
    guard let address = Address(ignoringChecksum: text) else { throw .malformedAddress }
    let digits = text.utf8.dropFirst(2)
    let hasUpper = digits.contains { UInt8(ascii: "A")...UInt8(ascii: "F") ~= $0 }
    let hasLower = digits.contains { UInt8(ascii: "a")...UInt8(ascii: "f") ~= $0 }
    if hasUpper, hasLower, !address.checksummed.utf8.elementsEqual(text.utf8) {
      throw .addressChecksum
    }
    self = address
  }

  /// Reads a field that the protocol compares without regard to case: `0x` and 40 hexadecimal digits.
  public init?(ignoringChecksum text: some StringProtocol) {
    var text = String(text)
    guard let address = text.withUTF8({ Address(ascii: UnsafeRawBufferPointer($0)) }) else { return nil }
    self = address
  }

  /// Like ``init(ignoringChecksum:)``, from ASCII.
  package init?(ascii text: UnsafeRawBufferPointer) {
    guard text.count == 42, text[0] == UInt8(ascii: "0"), text[1] == UInt8(ascii: "x") else { return nil }
    var words: (UInt64, UInt64, UInt64) = (0, 0, 0)
    for index in 2..<42 {
      guard let digit = Hex.value(text[index]) else { return nil }
      switch index {
      case ..<18: words.0 = words.0 << 4 | UInt64(digit)
      case ..<34: words.1 = words.1 << 4 | UInt64(digit)
      default: words.2 = words.2 << 4 | UInt64(digit)
      }
    }
    high = words.0
    middle = words.1
    low = UInt32(words.2)
  }

  /// Takes exactly 20 bytes.
  public init?(bytes: some Collection<UInt8>) {
    guard bytes.count == Self.byteCount else { return nil }
    var words: (UInt64, UInt64, UInt64) = (0, 0, 0)
    for (index, byte) in bytes.enumerated() {
      switch index {
      case ..<8: words.0 = words.0 << 8 | UInt64(byte)
      case ..<16: words.1 = words.1 << 8 | UInt64(byte)
      default: words.2 = words.2 << 8 | UInt64(byte)
      }
    }
    high = words.0
    middle = words.1
    low = UInt32(words.2)
  }

  /// The address of an uncompressed public key, given as X‖Y (64 bytes).
  init(publicKey: UnsafeRawBufferPointer) {
    var hash = Keccak256()
    hash.update(publicKey)
    self.init(bytes: hash.finish()[12...])!
  }

  /// The 20 bytes.
  public var bytes: [UInt8] {
    [UInt8](unsafeUninitializedCapacity: Self.byteCount) { buffer, initialized in
      let raw = UnsafeMutableRawBufferPointer(buffer)
      raw.storeBytes(of: high.bigEndian, toByteOffset: 0, as: UInt64.self)
      raw.storeBytes(of: middle.bigEndian, toByteOffset: 8, as: UInt64.self)
      raw.storeBytes(of: low.bigEndian, toByteOffset: 16, as: UInt32.self)
      initialized = Self.byteCount
    }
  }

  /// `0x` and 40 lowercase digits.
  public var lowercased: String { "0x" + Hex.string(bytes) }

  /// `0x` and 40 digits whose case is the checksum of EIP-55.
  public var checksummed: String {
    var digits = Hex.encode(bytes)
    let hash = Keccak256.hash(digits)
    for index in digits.indices where digits[index] >= UInt8(ascii: "a") {
      let nibble = index.isMultiple(of: 2) ? hash[index / 2] >> 4 : hash[index / 2] & 15
      if nibble >= 8 { digits[index] -= 32 }
    }
    return "0x" + String(decoding: digits, as: UTF8.self)
  }

  /// The beginning and the end of ``checksummed``, for labels: `0x1a64…14F1`.
  public var abbreviated: String { "\(checksummed.prefix(6))…\(checksummed.suffix(4))" }
}

extension Address: CustomStringConvertible {
  public var description: String { checksummed }
}

extension Address: Codable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let address = Address(ignoringChecksum: try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: IdentityError.malformedAddress.description)
    }
    self = address
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(checksummed)
  }
}
