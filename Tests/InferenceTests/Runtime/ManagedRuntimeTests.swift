import Foundation
import Glibc
import Subprocess
import SystemPackage
import Testing

@testable import Inference

@Suite("The managed model", .serialized, .timeLimit(.minutes(10)))
struct ManagedRuntimeTests {
  private func ask(_ text: String, atMost tokens: Int) -> ChatRequest {
    var request = ChatRequest(model: ManagedRuntime.modelName, messages: [.user(text)])
    request.maxTokens = tokens
    request.temperature = 0
    return request
  }

  @Test("it answers a question, and stays for the next one")
  func answers() async throws {
    try await TestRuntime.with { runtime in
      #expect(runtime.isInstalled)
      #expect(await runtime.activity == .stopped)
      #expect(try await runtime.models().map(\.id) == ["smollm2-135m"])
      let answer = try await runtime.complete(ask("What is the capital of France?", atMost: 24))
      let text = try #require(answer.choices[0].message.content?.text)
      #expect(text.contains { $0.isLetter }, "\(text)")
      #expect(answer.usage?.completionTokens ?? 0 > 0)
      let first = await runtime.processID
      _ = try await runtime.complete(ask("And of Spain?", atMost: 4))
      #expect(await runtime.processID == first)
      #expect(await runtime.activity == .running)
    }
  }

  @Test("its key is in neither the arguments nor the environment, and nobody without it is answered")
  func keepsItsKey() async throws {
    try await TestRuntime.with { runtime in
      _ = try await runtime.complete(ask("Hi", atMost: 1))
      let group = try #require(await runtime.processID)
      let running = Processes.inGroup(group)
      #expect(running.count == 2)
      for id in running {
        let environment = try Data(contentsOf: URL(filePath: "/proc/\(id)/environ"))
        #expect(
          Set(
            environment.split(separator: 0).map { $0.prefix { $0 != 61 } }.map {
              String(decoding: $0, as: UTF8.self)
            }
          )
          .isSubset(of: ["PATH", "HOME", "LANG", "LC_CTYPE"]))
        let arguments = try Data(contentsOf: URL(filePath: "/proc/\(id)/cmdline"))
        #expect(arguments.split(separator: 0).count == 4)
      }
      let port = try #require(await runtime.port)
      let stranger = try OpenAIProvider(
        name: "Stranger", url: ServerURL("http://127.0.0.1:\(port)/v1"), client: runtime.client)
      let error = await #expect(throws: InferenceError.self) {
        try await stranger.chat(ask("Hi", atMost: 1))
      }
      if case .refused(_, 401, _) = error {} else { Issue.record("\(String(describing: error))") }
    }
  }

  @Test("when it is killed in the middle of an answer, that answer fails and the next one comes")
  func comesBack() async throws {
    try await TestRuntime.with { runtime in
      let stream = try await runtime.chat(ask("Count from one to one thousand.", atMost: 1500))
      var iterator = stream.makeAsyncIterator()
      _ = try await iterator.next()
      let group = try #require(await runtime.processID)
      // The engine, not the launcher over it.
      let engine = try #require(Processes.children(of: group).first)
      kill(engine, SIGKILL)
      await #expect(throws: InferenceError.modelDied(provider: runtime.name)) {
        while try await iterator.next() != nil {}
      }
      #expect(await eventually(within: .seconds(5)) { await runtime.activity == .stopped })
      let answer = try await runtime.complete(ask("Hi", atMost: 4))
      #expect(answer.usage?.completionTokens ?? 0 > 0)
      #expect(await runtime.processID != group)
    }
  }

  @Test("leaving an answer frees the model")
  func stopsGenerating() async throws {
    try await TestRuntime.with { runtime in
      for try await chunk in try await runtime.chat(ask("Count from one to one thousand.", atMost: 1500))
      where chunk.delta?.content?.isEmpty == false { break }
      let port = try #require(await runtime.port)
      // Its own connections to the engine are gone: nothing generates for anybody.
      #expect(
        await eventually(within: .seconds(20)) {
          let table = ListeningSocket.table("/proc/net/tcp")
          let suffix = ":" + String(port, radix: 16, uppercase: true)
          return !table.split(separator: "\n").contains { line in
            let fields = line.split(separator: " ")
            return fields.count > 3 && fields[3] == "01" && fields[1].hasSuffix(suffix)
          }
        })
    }
  }

  @Test("it is stopped when it is idle, and starts again")
  func stopsWhenIdle() async throws {
    try await TestRuntime.with(idleLimit: .milliseconds(100)) { runtime in
      _ = try await runtime.complete(ask("Hi", atMost: 1))
      #expect(await eventually(within: .seconds(10)) { await runtime.activity == .stopped })
      _ = try await runtime.complete(ask("Hi", atMost: 1))
    }
  }

  @Test("shutting down ends it, also while it starts, and then nothing starts any more")
  func shutsDown() async throws {
    try await TestRuntime.with { runtime in
      let answer = Task { try await runtime.complete(ask("Hi", atMost: 1)) }
      #expect(await eventually(within: .seconds(10)) { await runtime.activity == .starting })
      await runtime.shutdown()
      await #expect(throws: (any Error).self) { try await answer.value }
      await #expect(throws: InferenceError.shuttingDown) { try await runtime.complete(ask("Hi", atMost: 1)) }
      #expect(await eventually(within: .seconds(5)) { self.engines(of: getpid()).isEmpty })
    }
  }

  /// The launchers that a process started.
  private func engines(of parent: pid_t) -> [pid_t] {
    Processes.children(of: parent).filter { id in
      let arguments = (try? Data(contentsOf: URL(filePath: "/proc/\(id)/cmdline"))) ?? Data()
      return String(decoding: arguments, as: UTF8.self).contains("launcher.py")
    }
  }

  enum Moment: String, CaseIterable { case loading, answering }

  @Test(
    "killing the whole host leaves no orphan, neither while it loads nor while it answers",
    arguments: Moment.allCases)
  func leavesNoOrphan(_ moment: Moment) async throws {
    try await TestRuntime.with { _ in }
    var environment: [Environment.Key: String?] = ["OSAURUS_TEST_ROLE": "host"]
    environment["OSAURUS_TEST_MOMENT"] = moment.rawValue
    // This test program itself, as another process that runs only the test below.
    let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let arguments = Array(CommandLine.arguments.dropFirst())
    let bundle =
      arguments.firstIndex(of: "--test-bundle-path").map { [arguments[$0], arguments[$0 + 1]] } ?? []
    let result = try await Subprocess.run(
      .path(FilePath(program)),
      arguments: Arguments(bundle + ["--testing-library", "swift-testing", "--filter", "HostForOrphanTest"]),
      environment: .inherit.updating(environment), input: .none, output: .sequence, error: .discarded
    ) { execution in
      let host = execution.processIdentifier.value
      async let ready: Bool = {
        for try await line in execution.standardOutput.strings() where line.contains("ANSWERING") {
          return true
        }
        return false
      }()
      var group: pid_t = 0
      #expect(
        await eventually(within: .seconds(60)) {
          group = engines(of: host).first ?? 0
          return group != 0 && Processes.inGroup(group).count == 2
        })
      if moment == .answering {
        let isAnswering = try await ready
        #expect(isAnswering)
      }
      kill(host, SIGKILL)
      #expect(await eventually(within: .seconds(5)) { Processes.inGroup(group).isEmpty })
      return group
    }
    #expect(result.closureResult != 0)
    #expect(!result.terminationStatus.isSuccess)
  }
}

@Suite("HostForOrphanTest")
struct HostForOrphanTest {
  @Test(
    "a host that runs until it is killed",
    .enabled(if: ProcessInfo.processInfo.environment["OSAURUS_TEST_ROLE"] == "host"))
  func runs() async throws {
    try await TestRuntime.with { runtime in
      var request = ChatRequest(model: "", messages: [.user("Count from one to one thousand.")])
      request.maxTokens = 2000
      while true {
        for try await _ in try await runtime.chat(request) {
          FileHandle.standardOutput.write(Data("ANSWERING\n".utf8))
        }
      }
    }
  }
}
