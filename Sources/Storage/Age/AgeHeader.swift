import Crypto
import Foundation
import SecretMemory

/// The beginning of a file in the age format, version 1, that is sealed to one passphrase: four lines of text.
///
///     age-encryption.org/v1
///     -> scrypt SALT LOGARITHM
///     WRAPPED FILE KEY
///     --- MAC
///
/// It is read in this one form alone, a line at a time, each of at most a hundred bytes. (age-encryption.org/v1; C2SP "age")
struct AgeHeader {
  static let version = "age-encryption.org/v1"
  private static let lineLimit = 100

  let scrypt: AgeScrypt
  let wrapped: Data
  let code: Data

  /// A header for a file key.
  init(_ fileKey: borrowing SecretBytes, scrypt: AgeScrypt, passphrase: borrowing SecretBytes) throws {
    self.scrypt = scrypt
    wrapped = try scrypt.wrap(fileKey, under: passphrase)
    code = Data(Self.code(Self.authenticated(scrypt, wrapped), fileKey))
  }

  /// Reads a header, and not a byte more.
  /// - Throws: ``AgeFault``, or what `source` throws.
  init(reading source: any ByteSource) throws {
    guard try Self.line(source) == Self.version else { throw AgeFault.notAge }
    let stanza = try Self.line(source).split(separator: " ", omittingEmptySubsequences: false)
    guard stanza.first == "->", stanza.count > 1 else { throw AgeFault.malformedHeader }
    guard stanza[1] == "scrypt" else { throw AgeFault.notForPassphrase }
    guard stanza.count == 4, let salt = AgeBase64.decode(stanza[2]), salt.count == AgeScrypt.saltSize,
      let logarithm = Int(stanza[3]), logarithm > 0, String(logarithm) == stanza[3]
    else { throw AgeFault.malformedHeader }
    guard logarithm <= AgeScrypt.limit else { throw AgeFault.tooMuchWork(logarithm: logarithm) }
    scrypt = AgeScrypt(salt: [UInt8](salt), logarithm: logarithm)
    guard let wrapped = AgeBase64.decode(try Self.line(source)), wrapped.count == AgeScrypt.wrappedSize else {
      throw AgeFault.malformedHeader
    }
    self.wrapped = wrapped
    // A passphrase is alone: with another way to open it, the file would not be of whoever knows the passphrase.
    let end = try Self.line(source)
    guard end.hasPrefix("--- "), let code = AgeBase64.decode(end.dropFirst(4)), code.count == 32 else {
      throw AgeFault.malformedHeader
    }
    self.code = code
  }

  /// The key of the file.
  /// - Throws: ``AgeFault``.
  func open(with passphrase: borrowing SecretBytes) throws -> SecretBytes {
    let fileKey = try scrypt.unwrap(wrapped, with: passphrase)
    let isRight = Self.key("header", salt: [], fileKey).withUnsafeBytes { key in
      HMAC<SHA256>.isValidAuthenticationCode(
        code, authenticating: Self.authenticated(scrypt, wrapped), using: SymmetricKey(data: key))
    }
    guard isRight else { throw AgeFault.alteredHeader }
    return fileKey
  }

  var encoded: Data {
    Self.authenticated(scrypt, wrapped) + Data(" \(AgeBase64.encode(code))\n".utf8)
  }

  /// HKDF-SHA256 of a file key, 32 bytes.
  static func key(_ info: String, salt: [UInt8], _ fileKey: borrowing SecretBytes) -> SecretBytes {
    let derived = fileKey.withUnsafeBytes { bytes in
      HKDF<SHA256>.deriveKey(
        inputKeyMaterial: SymmetricKey(data: bytes), salt: salt, info: Array(info.utf8), outputByteCount: 32)
    }
    return SecretBytes(count: 32) { target in derived.withUnsafeBytes { target.copyMemory(from: $0) } }
  }

  /// Everything before the code.
  private static func authenticated(_ scrypt: AgeScrypt, _ wrapped: Data) -> Data {
    Data(
      """
      \(version)
      -> scrypt \(AgeBase64.encode(Data(scrypt.salt))) \(scrypt.logarithm)
      \(AgeBase64.encode(wrapped))
      ---
      """.utf8)
  }

  private static func code(_ text: Data, _ fileKey: borrowing SecretBytes) -> HMAC<SHA256>.MAC {
    key("header", salt: [], fileKey).withUnsafeBytes { key in
      HMAC<SHA256>.authenticationCode(for: text, using: SymmetricKey(data: key))
    }
  }

  private static func line(_ source: any ByteSource) throws -> String {
    var bytes: [UInt8] = []
    while let byte = try source.read(1).first {
      if byte == UInt8(ascii: "\n") { return String(decoding: bytes, as: UTF8.self) }
      // Other files have no such lines, and nothing but ASCII is in one.
      guard bytes.count < lineLimit, byte < 0x80 else { break }
      bytes.append(byte)
    }
    throw String(decoding: bytes, as: UTF8.self).hasPrefix("->") ? AgeFault.malformedHeader : AgeFault.notAge
  }
}

/// Base64 without padding, in its one spelling. (RFC 4648, section 4)
enum AgeBase64 {
  static func encode(_ bytes: Data) -> String {
    bytes.base64EncodedString().replacing("=", with: "")
  }

  static func decode(_ text: some StringProtocol) -> Data? {
    let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
    guard let bytes = Data(base64Encoded: text + padding), encode(bytes) == text else { return nil }
    return bytes
  }
}
