import Foundation
import Testing

@testable import SecretMemory

@Suite("The memory of the process")
struct ProcessMemoryTests {
  private static func text(_ path: String) -> String {
    let data = try? FileHandle(forReadingFrom: URL(filePath: path)).readToEnd()
    return String(decoding: (data ?? nil) ?? Data(), as: UTF8.self)
  }

  @Test("it leaves no core dump, nor do the programs that it starts")
  func noDump() async {
    await #expect(processExitsWith: .success) {
      ProcessMemory.keepPrivate()
      let limits = Self.text("/proc/self/limits").split(separator: "\n").first {
        $0.hasPrefix("Max core file")
      }
      #expect(limits?.split(whereSeparator: \.isWhitespace).dropFirst(4).prefix(2) == ["0", "0"])
      // The kernel gives the files of a process that may not be dumped to root.
      let process = Process()
      process.executableURL = URL(filePath: "/bin/sh")
      process.arguments = ["-c", "test $(ulimit -c) = 0 && test $(ulimit -H -c) = 0"]
      try process.run()
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
    }
  }

  @Test("the page of a secret is locked, and left out of core dumps")
  func locked() throws {
    let secret = SecretBytes.random(count: 32)
    let address = secret.withUnsafeBytes { UInt(bitPattern: $0.baseAddress!) }
    var flags: [Substring] = []
    var isInside = false
    for line in Self.text("/proc/self/smaps").split(separator: "\n") {
      let bounds = line.split(separator: " ").first?.split(separator: "-").compactMap { UInt($0, radix: 16) }
      if let bounds, bounds.count == 2 { isInside = (bounds[0]..<bounds[1]).contains(address) }
      if isInside, line.hasPrefix("VmFlags:") { flags = line.split(separator: " ").dropFirst().map { $0 } }
    }
    // lo: locked; dd: left out of core dumps.
    #expect(flags.contains("lo") && flags.contains("dd"), "\(flags)")
    withExtendedLifetime(secret) {}
  }
}
