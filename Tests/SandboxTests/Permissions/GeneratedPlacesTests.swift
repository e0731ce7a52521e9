import Foundation
import Testing

@testable import Sandbox

@Suite("Writing to what tools generate and git ignores")
struct GeneratedPlacesTests {
  /// An agent with a workspace, and what a command in it needs.
  private final class Project {
    let ground: Ground
    let folder: URL

    init(isWritable: Bool = true, isRepository: Bool = false) async throws {
      ground = try Ground()
      folder = ground.folder.appending(path: "work")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
      if isRepository {
        let made = try await Self.run(["/usr/bin/git", "init", "-q", folder.path])
        try #require(made == 0)
        try Data("*.log\n/private/\n!kept.log\n".utf8).write(to: folder.appending(path: ".gitignore"))
      }
      ground.profile.grants = [try WorkspaceGrant(folder: folder.path, isWritable: isWritable)]
    }

    private static func run(_ words: [String]) async throws -> Int32 {
      let process = Process()
      process.executableURL = URL(filePath: words[0])
      process.arguments = Array(words.dropFirst())
      process.standardInput = FileHandle.nullDevice
      return try await withCheckedThrowingContinuation { done in
        process.terminationHandler = { done.resume(returning: $0.terminationStatus) }
        do { try process.run() } catch { done.resume(throwing: error) }
      }
    }

    func needs(_ text: String) async throws -> [PermissionNeed] {
      var draft = CommandDraft(.shell(text))
      draft.folder = try SandboxPath("/workspace/work", in: ground.profile.reachable)
      return try await ground.judge.needs(of: draft)
    }
  }

  static let generated = [
    "echo x > .git/config", "tee -a node_modules/a/b.js < c", "cp a .git/hooks/pre-commit", "touch build/x",
    "mv a /workspace/work/dist/b", "ls >> target/x", "cp -t .venv a b", "ln -s a sub/__pycache__/b",
    "mkdir -p .build/debug", "sed -i s/a/b/ node_modules/x", "cd .git && echo x > config",
    "ls &> ./src/../.git/x",
    "install -m 755 a dist/a", "echo x >| out/y", "sh -c 'echo x > .git/config'",
  ]

  @Test("redirections and programs that write are seen, wherever the command goes")
  func writing() async throws {
    let project = try await Project()
    for text in Self.generated {
      #expect(try await project.needs(text).map(\.permission) == [.writeGeneratedOrIgnored], "\(text)")
    }
  }

  @Test("reading, the home, names that only look alike and folders that may not be changed are not meant")
  func others() async throws {
    let project = try await Project()
    for text in [
      "cat .git/config", "cp .git/config a", "echo x > ~/.git/y", "echo x > /tmp/node_modules",
      "echo x > .github/y",
      "touch build", "echo x > src/build/y", "echo x > a.log", "ls > ../shared/.git",
    ] {
      #expect(try await project.needs(text) == [], "\(text)")
    }
    let readable = try await Project(isWritable: false)
    #expect(try await readable.needs("echo x > .git/config") == [])
  }

  @Test("git is asked what it ignores, in a sandbox")
  func ignored() async throws {
    let project = try await Project(isRepository: true)
    let needs = try await project.needs("echo x > a.log; echo x > kept.log; tee private/b src/c < d; touch e")
    #expect(needs.map(\.permission) == [.writeGeneratedOrIgnored])
    #expect(Set(needs.flatMap(\.evidence).map(\.text)) == ["a.log", "private/b"])
    let path = try SandboxPath("/workspace/work/b.log", in: project.ground.profile.reachable)
    #expect(await project.ground.judge.needs(ofWritingTo: path.text).count == 1)
  }

  @Test("a repository whose settings run programs runs none by being asked")
  func settings() async throws {
    let project = try await Project(isRepository: true)
    let trace = project.folder.appending(path: "ran")
    let settings = "[core]\n\tfsmonitor = touch \(trace.path)\n\tpager = touch \(trace.path)\n"
    let file = project.folder.appending(path: ".git/config")
    let before = try String(contentsOf: file, encoding: .utf8)
    try Data((before + settings).utf8).write(to: file)
    #expect(try await project.needs("echo x > a.log").count == 1)
    #expect(!FileManager.default.fileExists(atPath: trace.path))
  }
}
