import ArgumentParser
import Foundation

/// `identity token`: tokens that prove who makes one request.
struct TokenCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "token",
    abstract: "Make and check tokens that prove who makes one request, and from which device.",
    discussion: """
      Example: osaurus-host identity token mint --audience host.example --action "GET /status"

      A token is good for one method and path on one host, once, and for a minute. The identity signs it, and this \
      device as well. It goes into a header: Authorization: Bearer TOKEN. Hosts like this one take access keys \
      ('osaurus-host key') and no such tokens; they are for services that ask for them.
      """,
    subcommands: [Mint.self, Verify.self])

  struct TargetOptions: ParsableArguments {
    @Option(help: "The host that the request goes to, such as host.example or host.example:1337.")
    var audience: String
    @Option(help: "The method and the path, in one argument: \"GET /status\".") var action: String
  }

  struct Mint: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make a token for one request.",
      discussion:
        "Example: osaurus-host identity token mint --audience host.example --action \"GET /status\" --agent Ada"
    )

    @OptionGroup var target: TargetOptions
    @Option(help: "The agent that makes the request (name, id or address); without it, the host itself.")
    var agent: String?
    @Flag(help: "Leave this device's signature out, for services that know no devices.") var software = false
    @OptionGroup var output: OutputOptions

    func run() async throws {
      try await Owner.withConnection { owner in
        let answer = try await owner.send(
          "POST", "/control/tokens",
          TokenOrder(audience: target.audience, action: target.action, agent: agent, software: software))
        if output.json { return try answer.show() }
        Terminal.say(try answer.decoded(MintedTokenRow.self).token)
      }
    }
  }

  struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Check a token from standard input, and take it: it is refused when it comes again.",
      discussion: """
        Example: osaurus-host identity token verify --audience host.example --action "GET /status" < token

        Without --issuer, tokens of this host and its agents are taken; without --device, tokens of this device. A token \
        that is refused ends it with exit code 3.
        """)

    @OptionGroup var target: TargetOptions
    @Option(help: "The address whose tokens are taken. Repeat it for several.") var issuer: [String] = []
    @Option(
      help:
        "A device whose tokens are taken, as 'identity device' shows it there: ID:KEY. Repeat it for several."
    )
    var device: [String] = []
    @Flag(name: .customLong("accept-software"), help: "Also take a token that no device has signed.")
    var acceptsSoftware = false
    @OptionGroup var output: OutputOptions

    func validate() throws {
      guard device.allSatisfy({ $0.split(separator: ":").count == 2 }) else {
        throw ValidationError("--device takes ID:KEY, as 'identity device' shows it.")
      }
    }

    func run() async throws {
      let token = try TextFile.read("-", atMost: 32 * 1024).trimmingCharacters(in: .whitespacesAndNewlines)
      var devices: [String: String] = [:]
      for pair in device.map({ $0.split(separator: ":") }) { devices[String(pair[0])] = String(pair[1]) }
      let order = TokenVerification(
        token: token, audience: target.audience, action: target.action, issuers: issuer, devices: devices,
        acceptSoftware: acceptsSoftware)
      try await Owner.withConnection { owner in
        let answer = try await owner.send("POST", "/control/tokens/verify", order)
        if output.json { return try answer.show() }
        let row = try answer.decoded(VerifiedTokenRow.self)
        Terminal.say("Made by \(row.issuer).")
        Terminal.say("From the device \(row.device)\(row.deviceProven ? "." : ", which has not signed it.")")
      }
    }
  }
}

/// `identity device`: by what others know this device.
struct IdentityDevice: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "device",
    abstract: "Show the id and the public key of this device, which signs request tokens.",
    discussion: """
      Example: osaurus-host identity device

      The key is made at the first use and rests with the other keys of this host. A service that shall know this \
      device is given the line that is printed.
      """)

  @OptionGroup var output: OutputOptions

  func run() async throws {
    try await Owner.withConnection { owner in
      let answer = try await owner.send("GET", "/control/device")
      if output.json { return try answer.show() }
      let row = try answer.decoded(DeviceRow.self)
      Terminal.say("\(row.id):\(row.publicKey)")
    }
  }
}

private struct TokenOrder: Encodable {
  let audience: String
  let action: String
  let agent: String?
  let software: Bool
}

private struct MintedTokenRow: Decodable { let token: String }

private struct TokenVerification: Encodable {
  let token: String
  let audience: String
  let action: String
  let issuers: [String]
  let devices: [String: String]
  let acceptSoftware: Bool
}

private struct VerifiedTokenRow: Decodable {
  let issuer: String
  let device: String
  let deviceProven: Bool
}

private struct DeviceRow: Decodable {
  let id: String
  let publicKey: String
}
