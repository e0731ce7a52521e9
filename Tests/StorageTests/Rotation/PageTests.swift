import CPages
import Testing

/// What a database file of ordinary size never comes to.
@Suite("Pages of a database")
struct PageTests {
  private static let size = Int(PAGES_SIZE)

  private func key(_ byte: UInt8) throws -> OpaquePointer {
    let key = [UInt8](repeating: byte, count: Int(PAGES_KEY_SIZE))
    let salt = [UInt8](repeating: ~byte, count: Int(PAGES_SALT_SIZE))
    return try #require(pages_key_make(key, salt))
  }

  @Test(
    "the page at 1 GiB, which SQLite never writes, stays empty; no other one may be")
  func lockPage() throws {
    let (old, new) = (try key(1), try key(2))
    defer {
      pages_key_free(old)
      pages_key_free(new)
    }
    let number: UInt32 = 262_145
    let empty = [UInt8](repeating: 0, count: Self.size)
    var copy = [UInt8](repeating: 7, count: Self.size)
    var bad: UInt32 = 0
    #expect(pages_put_under(old, new, number, 1, empty, &copy, &bad) == PAGES_DONE)
    #expect(copy == empty)
    #expect(pages_verify(new, number, 1, copy, &bad) == PAGES_DONE)
    for other in [number - 1, number + 1] {
      #expect(pages_put_under(old, new, other, 1, empty, &copy, &bad) == PAGES_FORGED)
      #expect(bad == other)
      #expect(pages_verify(new, other, 1, empty, &bad) == PAGES_FORGED)
    }
  }
}
