import Foundation
import Testing

@testable import SecretMemory

@Suite("Locked pages")
struct LockedPagesTests {
  @Test("bytes grow, shrink and change, and stay what they were")
  func growth() {
    var pages = LockedPages()
    var expected: [UInt8] = []
    for round in 0..<200 {
      let added = (0..<Int.random(in: 0...700)).map { _ in UInt8.random(in: 0...255) }
      pages.append(added.count) { $0.copyBytes(from: added) }
      expected += added
      if round.isMultiple(of: 5), expected.count > 100 {
        pages.removeLast(100)
        expected.removeLast(100)
      }
      if !expected.isEmpty {
        let place = Int.random(in: 0..<expected.count)
        pages.withUnsafeMutableBytes { $0[place] = 7 }
        expected[place] = 7
      }
      #expect(pages.count == expected.count)
    }
    #expect(pages.withUnsafeBytes { Array($0) } == expected)
  }

  @Test("what is given up is wiped")
  func wiping() {
    var pages = LockedPages()
    pages.append(16) { $0.initializeMemory(as: UInt8.self, repeating: 0xAA) }
    pages.withUnsafeBytes { before in
      let base = before.baseAddress
      #expect(base?.load(as: UInt8.self) == 0xAA)
    }
    pages.removeLast(8)
    // The last eight bytes of the same page, beyond the count.
    let tail = pages.withUnsafeBytes { bytes in
      (8..<16).map { bytes.baseAddress!.load(fromByteOffset: $0, as: UInt8.self) }
    }
    #expect(tail == Array(repeating: 0, count: 8))
  }

  @Test("the pages are locked where the limit allows, and say so where it does not")
  func locking() throws {
    var pages = LockedPages()
    pages.append(4096) { _ in }
    let status = try #require(try FileHandle(forReadingFrom: URL(filePath: "/proc/self/status")).readToEnd())
    let line = String(decoding: status, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("VmLck") }
    let locked = line.flatMap { Int($0.filter(\.isNumber)) } ?? 0
    if pages.isLocked { #expect(locked >= 4) }
  }
}
