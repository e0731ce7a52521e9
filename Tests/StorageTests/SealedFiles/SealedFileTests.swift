import Crypto
import Foundation
import Identity
import Keyring
import SecretMemory
import Testing

@testable import Storage

/// A blob store in folders that go with the test.
final class TemporaryBlobs: Sendable {
  let host: TemporaryHost
  let key: DataKey
  let store: BlobStore
  var folder: URL { host.folders.data.appending(path: "chat/blobs") }

  init(key: DataKey = .generate()) throws {
    host = try TemporaryHost()
    self.key = key
    store = BlobStore(folders: host.folders, key: key)
  }

  @discardableResult
  func put(_ content: [UInt8]) throws -> BlobName {
    let staged = try store.stage(Data(content))
    try store.place(staged)
    return staged.name
  }

  func bytes(_ name: BlobName) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: name.file(in: host.folders)))
  }

  func replace(_ name: BlobName, with bytes: [UInt8]) throws {
    try PrivateFile.replace(name.file(in: host.folders), with: bytes)
  }

  /// Why a blob is refused; nil when it is not.
  func fault(_ name: BlobName) throws -> SealedFileFault? {
    do {
      _ = try store.bytes(of: name)
      return nil
    } catch StorageError.sealedFile(name: name.path, let fault) {
      return fault
    }
  }
}

@Suite("Sealed files")
struct SealedFileTests {
  private static let chunk = SealedFileKeys.chunkSize

  private func content(_ count: Int) -> [UInt8] { (0..<count).map { UInt8($0 % 251) } }

  @Test(
    "a file is, byte for byte, what another implementation of the documented format makes",
    arguments: [
      (
        0, "223967e651bafd710d20e50b282a63d1a44dcf4b175b93afb21a4a6f30cc733f",
        "bec6e40fd4cc2d8c74435a46fd7723718358c47b4041aa003c8d6b84f4da9a5e"
      ),
      (
        65_536, "34ec19357f6e9d8fa6bf0c157a1ab5f9973decd5875d050e36301579766eb079",
        "20614eb5388511efdcfd1eb2baea219894096c3f1e4aa4e3156a3ae402332e62"
      ),
      (
        65_537, "e4fb8df4472789897760a4b9fa8f58ca450a2b8fbe3e14dd56719ea8c2679e80",
        "ea6ff7ec47a36a97a3d2b7ebac1bdb82ad899de4b5ab64667b101ef64f3c8f78"
      ),
    ])
  func knownAnswers(count: Int, name: String, digest: String) throws {
    // Made by Python's `cryptography` from the data key 00 01 … 1f and a salt of 5a.
    let (made, file) = try sealed(content(count))
    #expect(made.rawValue == name)
    #expect(Hex.string(Array(SHA256.hash(data: file))) == digest)
  }

  @Test("a small file in full")
  func smallKnownAnswer() throws {
    let (name, file) = try sealed(Array("hello".utf8))
    #expect(name.path == "chat/blobs/5f8087b020591e46c926b06de672f1d50bb96dd5c21047ae5479a2e0277a2734.osec")
    let hex =
      "4f53454301010000b89e33915e4c178400000000000000055a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"
      + "5a5a5ac4e9a0cc36230c776c02c6aa5a18d59ad3df9e5f82543ac9df7d886c81c57b06ccf443f9c0c989910c323c25a0a99b53e4"
      + "15229bf1"
    #expect(Hex.string(file) == hex)
  }

  private func sealed(_ content: [UInt8]) throws -> (BlobName, [UInt8]) {
    let key = try DataKey(SecretBytes(count: 32) { $0.copyBytes(from: (0..<32).map { UInt8($0) }) })
    let blobs = try TemporaryBlobs(key: key)
    var whole: Data? = Data(content)
    let staged = try blobs.store.stage(salt: [UInt8](repeating: 0x5a, count: 32)) { () throws(StorageError) in
      defer { whole = nil }
      return whole
    }
    try blobs.store.place(staged)
    return (staged.name, try blobs.bytes(staged.name))
  }

  @Test("what was sealed comes back, whatever its size and however it was handed over")
  func roundTrip() throws {
    let blobs = try TemporaryBlobs()
    var sizes = [
      0, 1, 15, 16, 17, Self.chunk - 1, Self.chunk, Self.chunk + 1, 2 * Self.chunk, 3 * Self.chunk + 5,
    ]
    sizes += (0..<30).map { _ in Int.random(in: 0...4 * Self.chunk) }
    for size in sizes {
      let content = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
        for index in 0..<size { buffer[index] = UInt8.random(in: 0...255) }
        count = size
      }
      var rest = content[...]
      let staged = try blobs.store.stage { () throws(StorageError) in
        guard !rest.isEmpty else { return nil }
        let piece = Data(rest.prefix(Int.random(in: 1...2 * Self.chunk)))
        rest = rest.dropFirst(piece.count)
        return piece
      }
      #expect(staged.byteCount == UInt64(size))
      try blobs.store.place(staged)
      // In one piece it has the same name.
      #expect(try blobs.put(content) == staged.name)
      #expect(try [UInt8](blobs.store.bytes(of: staged.name)) == content)
      try blobs.store.verify(staged.name)
    }
  }

  @Test("the same content is kept once, under a name that says nothing without the key")
  func deduplication() throws {
    let (blobs, others) = (try TemporaryBlobs(), try TemporaryBlobs())
    let content = content(20_000)
    let name = try blobs.put(content)
    #expect(try blobs.put(content) == name)
    #expect(try blobs.store.names() == [name])
    #expect(try others.put(content) != name)
    #expect(name.rawValue != Hex.string(Array(SHA256.hash(data: content))))
    let files = try FileManager.default.contentsOfDirectory(atPath: blobs.folder.path)
    #expect(files == ["\(name.rawValue).osec"])
    let attributes = try FileManager.default.attributesOfItem(atPath: name.file(in: blobs.host.folders).path)
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    let bytes = try blobs.bytes(name)
    #expect(Data(bytes).firstRange(of: Data(content.prefix(64))) == nil)
    #expect(bytes.count == 88 + content.count + 16)
  }

  @Test("a flipped bit anywhere is refused")
  func everyByte() throws {
    let blobs = try TemporaryBlobs()
    let name = try blobs.put(content(40))
    let original = try blobs.bytes(name)
    for index in original.indices {
      for bit in [0, 7] {
        var changed = original
        changed[index] ^= 1 << UInt8(bit)
        try blobs.replace(name, with: changed)
        #expect(try blobs.fault(name) != nil, "byte \(index)")
      }
    }
    try blobs.replace(name, with: original)
    #expect(try blobs.fault(name) == nil)
  }

  @Test("cut, lengthened, rearranged and doubled files are refused")
  func rearranged() throws {
    let blobs = try TemporaryBlobs()
    let name = try blobs.put(content(3 * Self.chunk + 100))
    let original = try blobs.bytes(name)
    let size = Self.chunk + SealedFileKeys.tagSize
    let header = Array(original[..<88])
    let chunks = stride(from: 88, to: original.count, by: size).map {
      Array(original[$0..<min($0 + size, original.count)])
    }
    #expect(chunks.count == 4)
    func expectRefusal(_ bytes: [UInt8], _ why: String) throws {
      try blobs.replace(name, with: bytes)
      #expect(try blobs.fault(name) != nil, "\(why)")
    }
    for count in [0, 1, 4, 5, 87, 88, 89, 103, 104, 88 + size, original.count - size, original.count - 1] {
      try expectRefusal(Array(original.prefix(count)), "cut to \(count)")
    }
    try expectRefusal(original + [0], "one more byte")
    try expectRefusal(original + chunks[3], "the last chunk twice")
    try expectRefusal(header + chunks[1] + chunks[0] + chunks[2] + chunks[3], "moved")
    try expectRefusal(header + chunks[0] + chunks[0] + chunks[2] + chunks[3], "doubled")
    try expectRefusal(header + chunks[0] + chunks[2] + chunks[3], "dropped")
    // Its length would fit, had the header no word in it.
    let shorter = try blobs.put(content(2 * Self.chunk + 100))
    let other = try blobs.bytes(shorter)
    try expectRefusal(other, "another file under this name")
    try expectRefusal(Array(other[..<88]) + chunks[0] + chunks[1] + chunks[3], "another's header")
    try expectRefusal(
      header + Array(other[88..<88 + size]) + chunks[1] + chunks[2] + chunks[3], "another's chunk")
    try blobs.replace(name, with: original)
    #expect(try blobs.fault(name) == nil)
  }

  @Test("a file is what its name says, under this key and in this version")
  func swapped() throws {
    let blobs = try TemporaryBlobs()
    let (first, second) = (try blobs.put([1]), try blobs.put([2]))
    let original = try blobs.bytes(first)
    try blobs.replace(first, with: blobs.bytes(second))
    #expect(try blobs.fault(first) == .alteredHeader)

    // The same content sealed under another data key, as a rotation leaves it behind.
    let earlier = try TemporaryBlobs()
    let name = try earlier.put([1])
    try blobs.replace(first, with: earlier.bytes(name))
    #expect(try blobs.fault(first) == .otherGeneration(earlier.key.generation))

    var later = original
    later[4] = 2
    try blobs.replace(first, with: later)
    #expect(try blobs.fault(first) == .newerVersion(2))
    var older = original
    older[4] = 0
    try blobs.replace(first, with: older)
    #expect(try blobs.fault(first) == .alteredHeader)
    try blobs.replace(first, with: Array("Dear diary".utf8))
    #expect(try blobs.fault(first) == .notSealed)
    try FileManager.default.removeItem(at: first.file(in: blobs.host.folders))
    #expect(try blobs.fault(first) == .missing)
    try blobs.put([1])
    #expect(try blobs.fault(first) == nil)
  }

  @Test("content that was sealed under a name that is not its own is refused")
  func wrongContent() throws {
    let blobs = try TemporaryBlobs()
    let name = try blobs.put([1, 2, 3])
    // Whoever has the key could write this; the name is checked all the same.
    let (keys, salt) = (blobs.key.sealedFileKeys, [UInt8](repeating: 7, count: 32))
    let ofFile = keys.ofFile(salt: salt)
    let header = SealedFileHeader(kind: .chatBlob, generation: keys.generation, length: 3, salt: salt)
    let content: [UInt8] = [9, 9, 9]
    let chunk = content.withUnsafeBytes {
      ofFile.seal($0, number: 0, isLast: true, preamble: header.preamble)
    }
    try blobs.replace(name, with: header.encoded(name: name.path, keys: ofFile) + chunk)
    #expect(try blobs.fault(name) == .otherContent)
  }

  @Test("links, pipes, folders, and files that others may read are not read")
  func foreignFiles() throws {
    let blobs = try TemporaryBlobs()
    let name = try blobs.put([1])
    let (file, aside) = (name.file(in: blobs.host.folders), blobs.folder.appending(path: "aside"))
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file.path)
    #expect(try blobs.fault(name) != nil)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
    try FileManager.default.moveItem(at: file, to: aside)
    try FileManager.default.createSymbolicLink(at: file, withDestinationURL: aside)
    #expect(try blobs.fault(name) == .unreadable(reason: "is a symbolic link"))
    try FileManager.default.removeItem(at: file)
    #expect(mkfifo(file.path, 0o600) == 0)
    #expect(try blobs.fault(name) != nil)
    try FileManager.default.removeItem(at: file)
    try PrivateFile.makeFolder(file)
    #expect(try blobs.fault(name) != nil)
  }

  @Test("no more is given than was asked for")
  func limit() throws {
    let blobs = try TemporaryBlobs()
    let name = try blobs.put(content(Self.chunk + 10))
    #expect(try blobs.store.bytes(of: name, limit: Self.chunk + 10).count == Self.chunk + 10)
    for limit in [0, 10, Self.chunk, Self.chunk + 9] {
      #expect(throws: StorageError.sealedFile(name: name.path, .tooLarge(limit: limit))) {
        _ = try blobs.store.bytes(of: name, limit: limit)
      }
    }
  }

  @Test(
    "every refusal is a sentence",
    arguments: [
      SealedFileFault.missing, .unreadable(reason: "r"), .notSealed, .newerVersion(2), .wrongLength,
      .otherGeneration(DataKey.generate().generation), .alteredHeader, .alteredChunk(3), .otherContent,
      .tooLarge(limit: 3),
    ])
  func sentences(fault: SealedFileFault) {
    let sentence = StorageError.sealedFile(name: "chat/blobs/x.osec", fault).description
    #expect(sentence.hasPrefix("chat/blobs/x.osec: ") && sentence.hasSuffix("."))
  }

  @Test(
    "names are 64 lowercase digits, and nothing else",
    arguments: [
      "", "..", String(repeating: "a", count: 63), String(repeating: "A", count: 64),
      String(repeating: "g", count: 64), String(repeating: "a", count: 65),
      "../" + String(repeating: "a", count: 61),
    ])
  func names(text: String) { #expect(BlobName(rawValue: text) == nil) }
}
