import CIsolation
import Glibc

/// An open file that is closed when the value goes.
struct Descriptor: ~Copyable {
  let number: Int32

  init(_ number: Int32) { self.number = number }

  /// - Throws: the error number, where a call of the C target answered with a negative one.
  init(opened number: Int32) throws(SystemError) {
    guard number >= 0 else { throw SystemError(number: -number) }
    self.number = number
  }

  deinit { close(number) }

  /// Gives it to somebody else, who closes it.
  consuming func release() -> Int32 {
    let number = number
    discard self
    return number
  }

  /// A file in memory with these bytes.
  static func memory(_ name: String, _ bytes: [UInt8]) throws(SystemError) -> Descriptor {
    let file = try Descriptor(opened: osr_memory_file(name))
    try file.writeAll(bytes)
    lseek(file.number, 0, SEEK_SET)
    return file
  }

  /// All of a small file.
  func contents() throws(SystemError) -> [UInt8] {
    let size = lseek(number, 0, SEEK_END)
    guard size >= 0 else { throw SystemError.last }
    var bytes = [UInt8](repeating: 0, count: Int(size))
    let count = bytes.withUnsafeMutableBytes { pread(number, $0.baseAddress, $0.count, 0) }
    guard count == size else { throw SystemError.last }
    return bytes
  }

  func writeAll(_ bytes: [UInt8]) throws(SystemError) {
    var start = 0
    while start < bytes.count {
      let count = bytes.withUnsafeBytes { write(number, $0.baseAddress! + start, $0.count - start) }
      if count < 0 {
        guard errno == EINTR else { throw SystemError.last }
      } else {
        start += count
      }
    }
  }
}

/// Two descriptors that belong together.
struct DescriptorPair: ~Copyable {
  let ours: Descriptor
  let theirs: Descriptor

  /// Both ends that `make` opens: the first is ours, unless it is said that the second is.
  init(secondIsOurs: Bool = false, _ make: (UnsafeMutablePointer<Int32>) -> Int32) throws(SystemError) {
    var ends: [Int32] = [-1, -1]
    let error = ends.withUnsafeMutableBufferPointer { make($0.baseAddress!) }
    try SystemError.check(error)
    ours = Descriptor(ends[secondIsOurs ? 1 : 0])
    theirs = Descriptor(ends[secondIsOurs ? 0 : 1])
  }
}

/// What the system said.
struct SystemError: Error, CustomStringConvertible {
  let number: Int32

  static var last: SystemError { SystemError(number: errno) }

  /// - Throws: the error, unless the answer is 0.
  static func check(_ answer: Int32) throws(SystemError) {
    guard answer == 0 else { throw SystemError(number: answer) }
  }

  var description: String { String(cString: strerror(number)) }
}
