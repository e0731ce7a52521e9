/// Why an export could not be made, or was refused.
public enum ExportFault: Error, Hashable, Sendable {
  /// Something is in the place of what was to be written.
  case targetExists(String)
  /// What an export left that was interrupted.
  case unfinished(String)
  /// The file system lets others read what is plain.
  case openToOthers(String)
  /// The file system refused.
  case file(path: String, reason: String)
  /// What is to be imported is not there.
  case missing(String)
  /// It is neither a folder nor an archive of an export.
  case notAnExport(String)
  /// A newer version of osaurus-host wrote it.
  case newerFormat(Int)
  /// Its list of contents is not one.
  case malformedManifest(reason: String)
  /// A file is not in it that its list names.
  case lacks(String)
  /// Something is in it that its list does not name, or in a form that no export has.
  case surplus(String)
  /// A file is not what the list says.
  case altered(String)
  /// The archive cannot be read as one.
  case archive(reason: String)
  /// Something in it does not fit together.
  case inconsistent(String, reason: String)
}

extension ExportFault: CustomStringConvertible {
  public var description: String {
    switch self {
    case .targetExists(let path): "\(path) is there already, and was not touched. Choose another name."
    case .unfinished(let path):
      "\(path) is left of an export that was interrupted. Remove it, or choose another name."
    case .openToOthers(let path):
      "Others could read \(path): its file system keeps nobody out. Write to another one, or seal the export (a name that ends in .tar.age)."
    case .file(let path, let reason): "\(path): \(reason). Nothing is left under the final name."
    case .missing(let path): "There is no \(path)."
    case .notAnExport(let path):
      "\(path) is not what 'osaurus-host storage export' writes: a folder with a manifest.json, a tar archive, or one that is sealed with age."
    case .newerFormat(let version):
      "It was written by a newer version of osaurus-host (format \(version)). Update this one; nothing was changed."
    case .malformedManifest(let reason): "Its manifest.json cannot be used: \(reason). Take another copy."
    case .lacks(let path): "\(path) is missing in it. Take another copy."
    case .surplus(let path):
      "\(path) does not belong into an export, or not in this form. Take another copy, or remove it."
    case .altered(let path): "\(path) in it is not what was exported. Take another copy."
    case .archive(let reason): "The archive cannot be read: \(reason). Take another copy."
    case .inconsistent(let part, let reason):
      "\(part) in it does not fit together: \(reason). Take another copy."
    }
  }
}
