import Foundation
import Host
import Keyring
import Storage

/// The ways to what is stored when the key store is lost, in words.
enum WaysBack {
  static let remedy = "osaurus-host storage slots add phrase"
  static let none = "there is no way back but the key store"

  /// "the 24 words, a passphrase", for kinds of slots.
  static func words(_ kinds: [String]) -> String {
    var seen: [String] = []
    for kind in kinds where !seen.contains(kind) { seen.append(kind) }
    return seen.map { SlotKind(rawValue: $0)?.words ?? $0 }.joined(separator: ", ")
  }

  /// What `doctor` says; nil where no host was made.
  static func finding(_ folders: HostFolders) -> Finding? {
    let environment = ProcessInfo.processInfo.environment
    guard let settings = try? HostSettings.load(folders: folders, environment: environment) else {
      return nil
    }
    let slots = HostKeySlots(folders: folders, settings: settings)
    do {
      let kinds: [KeySlot]
      do {
        kinds = try slots.checked()
      } catch let error as StorageError {
        throw error
      } catch {
        // Without the keys there is nothing to check the list with; that they are missing is said elsewhere.
        kinds = try slots.listed()
      }
      guard !kinds.isEmpty else {
        return Finding(part: "recovery", state: .note, detail: none, remedy: remedy)
      }
      return Finding(
        part: "recovery", state: .good,
        detail: "what is stored is also opened by \(words(kinds.map(\.kind.name)))")
    } catch {
      return Finding(
        part: "recovery", state: .broken, detail: FailureTranslation.failure(for: error).sentence,
        remedy: "osaurus-host storage slots list")
    }
  }
}
