import Foundation
import Keyring
import Synchronization

// Putting what is sealed under one key under another one.
extension BlobStore {
  /// Seals blobs of another key anew under this one, by as many threads as there are processors, and proves that what was
  /// written opens. One that was forgotten in the meantime is passed over.
  ///
  /// - Parameters:
  ///   - isFresh: whether nothing can be there yet.
  ///   - sealed: told how many bytes were sealed since it was last told; what it throws ends it.
  /// - Returns: the names here, by those there.
  /// - Throws: ``StorageError/sealedFile(name:_:)``, or what `sealed` throws.
  package func reseal(
    _ names: [BlobName], of other: BlobStore, isFresh: Bool, sealed: @escaping @Sendable (Int) throws -> Void
  ) throws -> [BlobName: BlobName] {
    let made = Mutex<[BlobName: BlobName]>([:])
    try Runs(of: names.count, atOnce: 1).work { runs in
      while let run = try runs.next({ _ in }) {
        let name = names[run.lowerBound - 1]
        do {
          let new = try reseal(name, of: other, isFresh: isFresh, sealed: sealed)
          made.withLock { $0[name] = new }
        } catch StorageError.sealedFile(_, .missing) {
          continue
        }
      }
    }
    return made.withLock(\.self)
  }

  /// Seals a blob of another key anew under this one, and proves that what was written opens. One that was sealed anew
  /// before, as far as it opens, stays.
  /// - Parameters:
  ///   - isFresh: whether nothing can be there yet.
  ///   - sealed: told how many bytes were sealed since it was last told; what it throws ends it.
  /// - Returns: its name here.
  /// - Throws: ``StorageError/sealedFile(name:_:)``, or what `sealed` throws.
  private func reseal(
    _ name: BlobName, of other: BlobStore, isFresh: Bool, sealed: (Int) throws -> Void
  ) throws -> BlobName {
    if !isFresh, let known = try nameHere(of: name, in: other), (try? verify(known)) != nil { return known }
    var refusal: (any Error)?
    let reader = try other.reader(of: name)
    var naming = other.keys.naming(kind)
    let staged = try stage { () throws(StorageError) in
      guard refusal == nil else { return nil }
      guard let chunk = try Self.next(of: reader, name) else { return nil }
      chunk.withUnsafeBytes { naming.update($0) }
      do {
        try sealed(chunk.count)
        return chunk
      } catch {
        refusal = error
        return nil
      }
    }
    if let refusal { throw refusal }
    guard naming.finish() == name else { throw StorageError.sealedFile(name: name.path, .otherContent) }
    try placeUnsynchronized(staged)
    try verify(staged.name)
    return staged.name
  }

  /// What a blob of another key is called here.
  private func nameHere(of name: BlobName, in other: BlobStore) throws(StorageError) -> BlobName? {
    var naming = keys.naming(kind)
    try other.read(name) { chunk in
      chunk.withUnsafeBytes { naming.update($0) }
      return true
    }
    return naming.finish()
  }
}
