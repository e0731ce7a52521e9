import Foundation
import Identity
import SecretMemory
import Subprocess
import SystemPackage

/// Where the link of an invite is read from.
enum InviteText {
  /// Reads a link that is an argument, comes from standard input, or is typed without being shown.
  static func read(_ argument: String?) throws -> Invite {
    if let argument, argument != "-" {
      Terminal.note(
        "Every user of this machine could read the link just now; pass - and type it to keep it hidden.")
      return try Invite(link: argument)
    }
    let text = try Terminal.readSecret(prompt: "Invite: ")
    return try text.withUnsafeBytes { bytes in try Invite(link: String(decoding: bytes, as: UTF8.self)) }
  }

  /// Reads a link from a picture of its QR code.
  static func read(picture path: String) async throws -> Invite {
    guard FileManager.default.isReadableFile(atPath: path) else {
      throw CommandFailure.notFound("\(path) cannot be read.")
    }
    // Absolute, so that it is taken for nothing but a file.
    let file = URL(filePath: path).standardizedFileURL.path
    let text: String
    do {
      let result = try await Subprocess.run(
        .name("zbarimg"),
        arguments: ["--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", file],
        environment: .inherit, input: .none, output: .string(limit: 64 * 1024), error: .discarded)
      text = result.standardOutput
    } catch {
      throw CommandFailure(
        .failed, "zbarimg_missing", "Pictures are read by zbarimg, which cannot be run here.",
        nextStep: "Install it (apt install zbar-tools), or paste the link.")
    }
    let links = text.split(separator: "\n").filter { $0.lowercased().hasPrefix("osaurus://") }
    guard let link = links.first, Set(links).count == 1 else {
      throw CommandFailure(
        .failed, "no_invite",
        links.isEmpty
          ? "There is no QR code of an invite in \(path)." : "There is more than one invite in \(path).")
    }
    return try Invite(link: String(link))
  }
}
