import Foundation
import Testing

@testable import Sandbox

@Suite("Which program a word means")
struct ExecutableLookupTests {
  private func ground() throws -> Ground {
    let ground = try Ground()
    try ground.profile.places.prepare()
    return ground
  }

  private func link(_ name: String, to target: String, in ground: Ground) throws {
    try FileManager.default.createSymbolicLink(
      atPath: ground.home.appending(path: name).path, withDestinationPath: target)
  }

  @Test("a link to a program is that program, whatever it is called, and over any number of links")
  func links() async throws {
    let ground = try ground()
    try link("ls", to: "/usr/bin/rm", in: ground)
    try link("also", to: "\(ground.profile.places.home)/ls", in: ground)
    try link("again", to: "./also", in: ground)
    for text in [
      "./ls x", "\(ground.profile.places.home)/ls x", "~/ls x", "./also x", "./again x", "env ./again x",
    ] {
      #expect(try await ground.needs(text).map(\.permission) == [.destructiveCommand], "\(text)")
    }
    #expect(try await ground.needs("ls x") == [])
  }

  @Test("links in a circle and to nothing mean the word itself")
  func circles() async throws {
    let ground = try ground()
    try link("a", to: "b", in: ground)
    try link("b", to: "a", in: ground)
    try link("c", to: "/nowhere", in: ground)
    #expect(try await ground.needs("./a; ./c; ./d; /nowhere/e; /etc/hostname") == [])
  }

  @Test("one file that is many programs is the one that it was called")
  func multiCall() async throws {
    let ground = try ground()
    try Data("x".utf8).write(to: ground.home.appending(path: "busybox"))
    try link("ls", to: "busybox", in: ground)
    try link("rm", to: "busybox", in: ground)
    #expect(try await ground.needs("./ls x; ./busybox ls") == [])
    #expect(try await ground.needs("./rm x").map(\.permission) == [.destructiveCommand])
    #expect(try await ground.needs("./busybox rm x").map(\.permission) == [.destructiveCommand])
  }

  @Test("a program that runs with the rights of another is privileged")
  func rights() async throws {
    let ground = try ground()
    let program = ground.home.appending(path: "tool")
    try Data("x".utf8).write(to: program)
    #expect(try await ground.needs("./tool") == [])
    #expect(chmod(program.path, 0o4755) == 0)
    #expect(try await ground.needs("./tool").map(\.permission) == [.privilegedExecutable])
  }

  @Test("where a command goes with cd, its programs are looked for, too")
  func folders() async throws {
    let ground = try ground()
    try FileManager.default.createDirectory(
      at: ground.home.appending(path: "bin"), withIntermediateDirectories: false)
    try link("bin/ls", to: "/usr/bin/rm", in: ground)
    #expect(try await ground.needs("cd bin && ./ls x").map(\.permission) == [.destructiveCommand])
  }
}
