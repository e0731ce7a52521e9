import ArgumentParser
import Foundation
import Keyring
import Sandbox

/// `sandbox image`: what agents' commands find in the place of this machine's programs.
struct SandboxImageCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "image",
    abstract: "Let commands run in a file system of their own, in the place of this machine's programs.",
    discussion: """
      Example: osaurus-host sandbox image set rootfs.tar.xz --sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08

      The image is an archive (tar, plain or compressed) with a usr folder, as distributions offer them for containers, or a squashfs; \
      a file, or an https address from which it is downloaded. It is used only if its SHA-256 is the one that you name.
      """,
    subcommands: [Set.self, Show.self, Remove.self], defaultSubcommand: Show.self)

  static func images() throws -> RootImages {
    RootImages(in: try OpenHost.folders().data.appending(path: "sandbox"))
  }

  struct Set: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Unpack an image, and use it from the next command on.",
      discussion: """
        Example: osaurus-host sandbox image set rootfs.tar.xz --sha256 \
        9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
        Example: osaurus-host sandbox image set https://images.example.org/rootfs.squashfs --sha256 \
        9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08

        Files, folders and links below usr, bin, sbin, lib, etc/alternatives and etc/ssl/certs are taken out of it. An \
        image that is not the one that was named is deleted and refused before anything is unpacked, and nothing changes. \
        No other place is tried.
        """)

    @Argument(help: "The image: a file, or an https address.") var image: String
    @Option(name: .customLong("sha256"), help: "The SHA-256 that it has to have, from where you trust it.")
    var digest: String
    @OptionGroup var output: OutputOptions

    func validate() throws {
      guard digest.utf8.count == 64, digest.allSatisfy(\.isHexDigit) else {
        throw ValidationError("--sha256 takes 64 hexadecimal digits.")
      }
    }

    func run() async throws {
      let image = try await adopted()
      if output.json { return Terminal.say(try JSONText.encode(ImageRow(image, isGood: true))) }
      Terminal.say("Commands run in this image now: \(image.entries) files, \(image.bytes >> 20) MiB.")
    }

    private func adopted() async throws -> RootImage {
      let images = try SandboxImageCommand.images()
      guard ImageAddress.isMeant(image) else {
        guard FileManager.default.fileExists(atPath: image) else {
          throw CommandFailure.notFound("There is no \(image).")
        }
        return try await images.set(image, sha256: digest)
      }
      let address = try ImageAddress(image)
      // Elsewhere than on a terminal, a line for each step would be thousands.
      let line = ProgressLine(isQuiet: output.json || !Terminal.isDecorated(.error))
      defer { line.clear() }
      return try await Interruption.run(saying: "Interrupted. What was downloaded was removed.") {
        try await images.fetch(address, sha256: digest) { bytes, all in
          line.show("\(bytes >> 20)\(all.map { " of \($0 >> 20)" } ?? "") MiB")
        }
      }
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show which image is used, and whether it is as it was unpacked.",
      discussion: "Example: osaurus-host sandbox image show --json")

    @OptionGroup var output: OutputOptions

    func run() throws {
      let images = try SandboxImageCommand.images()
      guard let image = try images.noted() else {
        if output.json { return Terminal.say(JSONText.object(["sha256": nil])) }
        return Terminal.say("No image: commands find this machine's programs.")
      }
      var isGood = true
      do { _ = try images.current() } catch SandboxError.imageChanged { isGood = false }
      if output.json {
        Terminal.say(try JSONText.encode(ImageRow(image, isGood: isGood)))
      } else {
        var facts = Facts(title: "Root image")
        facts.add("sha256", image.sha256)
        facts.add("files", "\(image.entries)")
        facts.add("size", "\(image.bytes >> 20) MiB")
        facts.add("left out", "\(image.leftOut)")
        facts.add(
          "state", isGood ? "as it was unpacked" : "CHANGED since it was unpacked: nothing runs in it")
        facts.show()
      }
      guard isGood else { throw ExitCode(ExitStatus.failed.rawValue) }
    }
  }

  struct Remove: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Remove the image: commands find this machine's programs again.",
      discussion: "Example: osaurus-host sandbox image remove --yes")

    @OptionGroup var confirmation: ConfirmationOptions

    func run() throws {
      try Terminal.confirm("The image is removed. Go on?", assumingYes: confirmation.yes)
      guard try SandboxImageCommand.images().remove() else {
        throw CommandFailure.notFound("There is no image.")
      }
      Terminal.say("Removed. Commands find this machine's programs.")
    }
  }
}

private struct ImageRow: Encodable {
  let sha256: String
  let entries: Int
  let bytes: Int
  let leftOut: Int
  let good: Bool

  init(_ image: RootImage, isGood: Bool) {
    (sha256, entries, bytes, leftOut, good) = (
      image.sha256, image.entries, image.bytes, image.leftOut, isGood
    )
  }
}
