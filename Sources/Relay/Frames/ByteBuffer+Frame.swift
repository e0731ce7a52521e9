import NIOCore

extension ByteBuffer {
  /// Gives the bytes of a message to `read`. NIO's own call lets errors pass only without their type.
  func readWhole<Frame>(
    _ read: (UnsafeRawBufferPointer) throws(FrameRefusal) -> Frame
  ) throws(FrameRefusal) -> Frame {
    var result: Result<Frame, FrameRefusal> = .failure(.notAnObject)
    withUnsafeReadableBytes { text in
      do throws(FrameRefusal) {
        result = .success(try read(text))
      } catch {
        result = .failure(error)
      }
    }
    return try result.get()
  }
}
