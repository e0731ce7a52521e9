import ArgumentParser

@main
struct OsaurusHost: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "osaurus-host",
    abstract: "The Linux home of a person's AI agents.",
    version: "0.1.0")
}
