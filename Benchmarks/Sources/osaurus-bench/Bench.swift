import ArgumentParser
import Foundation

/// Measures what the project promises, each thing against its alternative in the same run.
@main
struct Bench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "osaurus-bench")

  @Option(help: "Where the results go as JSON.") var json = "bench-results.json"
  @Option(help: "Run only what has this in its name.") var only: String?

  func run() async throws {
    var report = Report()
    for benchmark in ChannelBenchmarks.all + IdentityBenchmarks.all + StorageBenchmarks.all
      + StoresBenchmarks.all + RotationBenchmarks.all + ServerBenchmarks.all + SandboxBenchmarks.all
      + BusyBenchmarks.all + TLSBenchmarks.all + PairingBenchmarks.all + RelayBenchmarks.all
      + BridgeBenchmarks.all
    {
      guard only.map({ benchmark.name.contains($0) }) ?? true else { continue }
      FileHandle.standardError.write(Data("measuring \(benchmark.name)\n".utf8))
      try await benchmark.run(&report)
    }
    print(report.table())
    try report.write(to: json)
  }
}

/// Something to measure, under a name that a person can ask for.
struct Benchmark: Sendable {
  let name: String
  let run: @Sendable (inout Report) async throws -> Void

  init(_ name: String, _ run: @escaping @Sendable (inout Report) async throws -> Void) {
    self.name = name
    self.run = run
  }
}
