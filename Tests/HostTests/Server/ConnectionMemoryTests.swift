import Foundation
import Testing

@testable import Host

#if canImport(Glibc)
  import Glibc
#endif

@Suite("What connections leave behind", .serialized, .timeLimit(.minutes(10)))
struct ConnectionMemoryTests {
  /// What this process has in memory, in bytes.
  private static func resident() throws -> Int {
    let handle = try #require(FileHandle(forReadingAtPath: "/proc/self/statm"))
    let pages = String(decoding: handle.readDataToEndOfFile(), as: UTF8.self).split(separator: " ")
    return try #require(Int(pages[1])) * sysconf(Int32(_SC_PAGESIZE))
  }

  @Test("a connection that has ended leaves nothing in memory, however many there were")
  func ended() async throws {
    let host = try TestHost()
    try await host.serve { listening in
      func visit(_ times: Int) async throws {
        for _ in 0..<times {
          let answer = try await RawClient.exchange(
            port: listening.port, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
          #expect(answer.hasSuffix("here"))
        }
      }
      try await visit(500)
      let before = try Self.resident()
      try await visit(2000)
      let grown = try Self.resident() - before
      #expect(grown < 16 << 20, "\(grown) bytes for 2,000 connections")
    }
  }
}
