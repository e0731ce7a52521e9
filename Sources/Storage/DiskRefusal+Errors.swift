import GRDB
public import Keyring

extension DiskRefusal {
  /// What an error from a database, a sealed file or a private file says of the disk; nil where it is about something else.
  public init?(_ error: any Error) {
    switch error {
    case let error as DatabaseError:
      switch error.resultCode {
      case .SQLITE_FULL: self = .full
      default: return nil
      }
    case StorageError.disk(_, let refusal), StorageError.sealedFile(_, .disk(let refusal)),
      StorageError.file(.disk(_, let refusal)), KeyringError.disk(_, let refusal):
      self = refusal
    default: return nil
    }
  }
}
