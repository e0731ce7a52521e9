import CIsolation
import Glibc

/// A file system that stands in the place of this machine's `/usr`, `/bin`, `/lib` … in a sandbox: unpacked from an archive whose
/// SHA-256 its owner named, and as it was then.
public struct RootImage: Codable, Hashable, Sendable {
  /// The SHA-256 of the archive, in 64 hexadecimal digits.
  public let sha256: String
  /// Files, folders and links in it.
  public let entries: Int
  /// The bytes of its files.
  public let bytes: Int
  /// What of the archive has no place in a sandbox, and was left out.
  public let leftOut: Int
  /// The folder that it is in.
  let folder: String
  /// What ``FileTree/content`` says of it.
  let content: String
  /// What ``FileTree/appearance`` said of it when its content was last looked at.
  var appearance: String

  /// What of an image is seen inside: folders at its top, and these of its `/etc`.
  static let folders = ["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"]
  static let settings = ["alternatives", "ssl/certs"]

  /// Those settings that it has, each in a folder that is reached by no link: what a link in it would lead to is this machine's.
  var presentSettings: [String] {
    Self.settings.filter { path in
      let place = osr_open_folder("\(folder)/etc/\(path)")
      guard place >= 0 else { return false }
      close(place)
      return true
    }
  }

  /// Whether a path of an archive, without a slash in front, is seen inside.
  static func isSeen(_ path: String) -> Bool {
    (folders + settings.map { "etc/\($0)" }).contains { path == $0 || path.hasPrefix($0 + "/") }
  }
}
