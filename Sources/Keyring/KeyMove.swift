import SecretMemory

/// Which key store is in use, and what a move between two of them has left to do. It is written down as a whole.
public struct KeyStoreChoice: Hashable, Sendable {
  /// Where the keys rest.
  public var current: KeyStoreKind
  /// Where copies of them are, since a move there was begun and has not come to its turning point.
  public var copyingTo: KeyStoreKind?
  /// Where they rested before, and may still be, since a move from there has not ended.
  public var leaving: KeyStoreKind?

  public init(current: KeyStoreKind, copyingTo: KeyStoreKind? = nil, leaving: KeyStoreKind? = nil) {
    self.current = current
    self.copyingTo = copyingTo
    self.leaving = leaving
  }

  /// Whether a move was begun and has not ended.
  public var isUnfinished: Bool { copyingTo != nil || leaving != nil }
}

/// Moves keys from one store to another.
///
/// Every item is copied, read back and compared; then the choice is written, which is the turning point; only then are
/// the items removed from where they were. Whatever is interrupted, the store that the choice names has all of them,
/// and the next move finishes or takes back what was begun.
public struct KeyMove {
  /// What was just done.
  enum Step: Hashable {
    case begun
    case copied(KeyItem)
    case switched
    case removed(KeyItem)
    case ended
  }

  private let store: (KeyStoreKind) -> any KeyStore
  private let owns: (KeyItem) -> Bool
  private let write: (KeyStoreChoice) throws -> Void
  /// Called after every step. What it throws is an end at this place.
  private let after: (Step) throws -> Void

  /// - Parameters:
  ///   - store: opens the store of a kind.
  ///   - owns: which items of a store are meant.
  ///   - write: writes the choice down, at once and whole.
  public init(
    store: @escaping (KeyStoreKind) -> any KeyStore, owns: @escaping (KeyItem) -> Bool,
    write: @escaping (KeyStoreChoice) throws -> Void
  ) {
    self.init(store: store, owns: owns, write: write) { _ in }
  }

  init(
    store: @escaping (KeyStoreKind) -> any KeyStore, owns: @escaping (KeyItem) -> Bool,
    write: @escaping (KeyStoreChoice) throws -> Void, after: @escaping (Step) throws -> Void
  ) {
    self.store = store
    self.owns = owns
    self.write = write
    self.after = after
  }

  /// Moves everything to a store; to the one that is in use, ends or takes back a move that was interrupted.
  /// - Returns: the names of the items that are there now, sorted.
  /// - Throws: ``KeyringError``; what `write` throws.
  public func run(_ start: KeyStoreChoice, to target: KeyStoreKind) throws -> [String] {
    var choice = start
    let current = store(choice.current)
    if let old = choice.leaving, old != choice.current {
      try clear(store(old), keptIn: current)
      choice.leaving = nil
      try write(choice)
    }
    if let begun = choice.copyingTo, begun != target, begun != choice.current {
      // What is there are copies that a move made, of keys that are in use elsewhere.
      try clear(store(begun), keptIn: nil)
      choice.copyingTo = nil
      try write(choice)
    }
    guard target != choice.current else { return try items(of: current).map(\.name).sorted() }

    let new = store(target)
    if choice.copyingTo == nil {
      try refuseOthers(in: new, than: current)
      choice.copyingTo = target
      try write(choice)
    }
    try after(.begun)
    for item in try items(of: current) {
      try copy(item, from: current, to: new)
      try after(.copied(item))
    }
    let moved = try items(of: current)
    for item in moved { try compare(item, current, new) }
    let old = choice.current
    choice = KeyStoreChoice(current: target, leaving: old)
    try write(choice)
    try after(.switched)
    try clear(current, keptIn: new)
    choice.leaving = nil
    try write(choice)
    try after(.ended)
    return moved.map(\.name).sorted()
  }

  private func items(of store: any KeyStore) throws(KeyringError) -> [KeyItem] {
    try store.names().sorted().compactMap { KeyItem(name: $0) }.filter(owns)
  }

  /// Refuses a store that holds other keys under the same names: nobody knows whose they are.
  private func refuseOthers(in new: any KeyStore, than current: any KeyStore) throws(KeyringError) {
    for item in try items(of: new) {
      guard let there = try new.load(item) else { continue }
      if let here = try current.load(item), here.isEqual(to: there) { continue }
      throw .occupied(item: item.name, kind: new.kind)
    }
  }

  private func copy(_ item: KeyItem, from: any KeyStore, to: any KeyStore) throws(KeyringError) {
    guard let secret = try from.load(item) else { throw .forgets(item: item.name, kind: from.kind) }
    try to.store(secret, as: item)
    try compare(item, from, to)
  }

  private func compare(_ item: KeyItem, _ from: any KeyStore, _ to: any KeyStore) throws(KeyringError) {
    guard let here = try from.load(item), let there = try to.load(item), here.isEqual(to: there) else {
      throw .forgets(item: item.name, kind: to.kind)
    }
  }

  /// Removes items from a store.
  /// - Parameter kept: the store that has to have the same ones; nil where they are copies.
  private func clear(_ store: any KeyStore, keptIn kept: (any KeyStore)?) throws {
    for item in try items(of: store) {
      if let kept { try compare(item, store, kept) }
      try store.remove(item)
      try after(.removed(item))
    }
  }
}
