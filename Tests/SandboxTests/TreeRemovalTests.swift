import CIsolation
import Foundation
import Glibc
import Synchronization
import Testing

@testable import Sandbox

@Suite("A home that is taken away")
struct TreeRemovalTests {
  private func inFolder(_ body: (_ home: String, _ outside: String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.resolvingSymlinksInPath()
      .appending(path: "removal-\(UUID().uuidString)").path
    let (home, outside) = (folder + "/home", folder + "/outside")
    for place in [folder, home, outside] { try #require(mkdir(place, 0o700) == 0) }
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try Data("precious".utf8).write(to: URL(filePath: outside + "/file"))
    try body(home, outside)
    #expect(try String(contentsOfFile: outside + "/file", encoding: .utf8) == "precious")
  }

  private func isGone(_ path: String) -> Bool { access(path, F_OK) != 0 && errno == ENOENT }

  @Test("is gone, with links, closed folders, names that are no text, and nothing where there is none")
  func all() throws {
    try inFolder { home, outside in
      for folder in ["a", "a/b", "a/b/c", "closed"] { try #require(mkdir("\(home)/\(folder)", 0o700) == 0) }
      try Data().write(to: URL(filePath: home + "/a/b/c/file"))
      try Data().write(to: URL(filePath: home + "/closed/file"))
      try #require(chmod(home + "/closed", 0) == 0)
      try #require(symlink(outside, home + "/a/link") == 0)
      try #require(symlink(outside + "/file", home + "/a/b/link") == 0)
      try #require(mkfifo(home + "/pipe", 0o600) == 0)
      let odd = (home + "/").utf8CString.dropLast() + [CChar(bitPattern: 0xff), 10, 0]
      try #require(odd.withUnsafeBufferPointer { mkdir($0.baseAddress!, 0) } == 0)
      try #require(link(outside + "/file", home + "/hard") == 0)
      try TreeRemoval.remove(home)
      #expect(isGone(home))
      try TreeRemoval.remove(home)
    }
  }

  @Test("is gone, however deep its folders are")
  func deep() throws {
    try inFolder { home, _ in
      var place = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      let name = String(repeating: "d", count: 100)
      for _ in 0..<400 {
        try #require(mkdirat(place, name, 0o700) == 0)
        let next = openat(place, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        close(place)
        place = next
      }
      close(place)
      try TreeRemoval.remove(home)
      #expect(isGone(home))
    }
  }

  @Test("takes nothing else with it, though what is in it is exchanged all the while")
  func exchanged() throws {
    try inFolder { home, outside in
      try #require(mkdir(home + "/kept", 0o700) == 0)
      let isOver = Atomic(false)
      let began = DispatchSemaphore(value: 0)
      let ended = DispatchSemaphore(value: 0)
      let inside = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      defer { close(inside) }
      Thread {
        var rounds = 0
        while !isOver.load(ordering: .relaxed) {
          mkdirat(inside, "swap", 0o700)
          symlinkat(outside, inside, "link")
          _ = osr_rename(inside, "swap", inside, "link", Int32(OSR_EXCHANGE.rawValue))
          rounds += 1
          if rounds == 10 { began.signal() }
        }
        ended.signal()
      }.start()
      began.wait()
      // It may go on for as long as something comes; nothing outside goes in any case.
      for _ in 0..<200 { _ = try? TreeRemoval.remove(home + "/swap") }
      isOver.store(true, ordering: .relaxed)
      ended.wait()
      try TreeRemoval.remove(home)
      #expect(isGone(home))
      #expect(!isGone(outside + "/file"))
    }
  }
}
