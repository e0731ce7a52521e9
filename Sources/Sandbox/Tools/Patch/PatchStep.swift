/// One change of a patch, as it is kept until the patch is whole: enough to finish it, or to take it back.
struct PatchStep: Codable, Hashable, Sendable {
  enum Action: String, Codable, CaseIterable, Sendable {
    case create, update, delete, move
  }

  let action: Action
  /// The path inside.
  let path: String
  /// For a move, where to.
  let target: String?
  /// What a file is called beside the path while the patch is on its way: the new one before its time, and the old one afterwards.
  let passing: String
  /// The file that was at the path before.
  let old: FileIdentity?
  /// The file that is to be there.
  var new: FileIdentity?
}

/// How far a patch is.
struct PatchJournal: Codable, Hashable, Sendable {
  enum Stage: String, Codable, Sendable {
    /// New files are written, under names that do not count.
    case preparing
    /// Names are exchanged.
    case renaming
    /// All names are as they are to be; what is left over goes.
    case done
  }

  var stage: Stage
  var steps: [PatchStep]
}

/// A change as a model asks for it, checked against what there is, with the content that it makes.
struct PlannedChange: Sendable {
  let step: PatchStep
  let path: SandboxPath
  let target: SandboxPath?
  let content: [UInt8]
  let mode: UInt32
}
