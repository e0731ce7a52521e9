public import Foundation
public import Keyring

/// Whether anything was stored: every database of the data folder counts, those that this version does not know of
/// among them. Whoever would make a new key looks here first.
public enum StoredData {
  /// A database that holds something, or its log; nil where none does.
  public static func first(in folders: HostFolders) -> URL? {
    all(in: folders).first { file in
      let attributes = try? FileManager.default.attributesOfItem(atPath: file.path)
      return (attributes?[.size] as? Int ?? 0) > 0
    }
  }

  /// Every file in the data folder, at any depth, that is called a database or one's log, in order. The managed model
  /// runtime keeps nothing of the owner's.
  static func all(in folders: HostFolders) -> [URL] {
    let runtime = folders.modelRuntime.lastPathComponent
    let walk = FileManager.default.enumerator(
      at: folders.data, includingPropertiesForKeys: nil)
    var files: [URL] = []
    while let file = walk?.nextObject() as? URL {
      if walk?.level == 1, file.lastPathComponent == runtime {
        walk?.skipDescendants()
      } else if file.lastPathComponent.contains(/\.(sqlite3?|db)(-wal|-journal)?$/) {
        files.append(file)
      }
    }
    return files.sorted { $0.path < $1.path }
  }
}
