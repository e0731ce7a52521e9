import Foundation
import Inference
import Testing

@testable import Agents
@testable import Stores

@Suite("Messages with more than text")
struct MessageAttachmentTests {
  private static let image = Data((0..<300).map { UInt8($0 % 256) })

  /// The parts of a message from a caller.
  private func message(_ parts: String) throws -> ChatMessage {
    try JSONDecoder().decode(ChatMessage.self, from: Data(#"{"role":"user","content":[\#(parts)]}"#.utf8))
  }

  private func record(_ attachment: NewAttachment) -> AttachmentRecord {
    AttachmentRecord(
      turnID: UUID(), position: attachment.position, kind: attachment.kind, mediaType: attachment.mediaType,
      part: attachment.part, encoding: attachment.encoding, byteCount: attachment.content.count,
      content: attachment.content, blob: nil)
  }

  @Test(
    "every part that is no text is kept, and put together again to the letter",
    arguments: [
      (
        #"{"type":"image_url","image_url":{"url":"data:image/png;base64,BASE64","detail":"high"}}"#,
        "image/png", true
      ),
      (#"{"type":"image_url","image_url":{"url":"data:;base64,BASE64"}}"#, nil, true),
      (
        #"{"type":"image_url","image_url":{"url":"data:image/svg+xml;charset=utf-8;base64,BASE64"}}"#,
        "image/svg+xml", true
      ),
      (#"{"type":"image_url","image_url":{"url":"https://example.org/a.png"}}"#, nil, false),
      (#"{"type":"image_url","image_url":{"url":"data:image/png;base64,not base64!"}}"#, "image/png", false),
      (#"{"type":"image_url","image_url":{"url":"data:image/png;base64,QQ"}}"#, "image/png", false),
      (#"{"type":"image_url","image_url":{"url":"data:image/svg+xml,<svg/>"}}"#, nil, false),
      (#"{"type":"image_url","image_url":{"url":""}}"#, nil, false),
      (#"{"type":"image_url","image_url":{"url":"QUJD"}}"#, nil, false),
      (#"{"type":"image_url","image_url":"odd"}"#, nil, false),
      (#"{"type":"image_url"}"#, nil, false),
      (#"{"type":"input_audio","input_audio":{"data":"BASE64","format":"wav"}}"#, "audio/wav", true),
      (#"{"type":"video_url","video_url":{"url":"data:video/mp4;base64,BASE64"}}"#, "video/mp4", true),
      (
        #"{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,BASE64"}}"#,
        "application/pdf", true
      ),
      (#"{"type":"hologram","depth":[1,2.5,null,true]}"#, nil, false),
    ])
  func roundTrip(part: String, mediaType: String?, isDecoded: Bool) throws {
    let json = part.replacing("BASE64", with: Self.image.base64EncodedString())
    let message = try message(#"{"type":"text","text":"look"},"# + json)
    let attachments = NewAttachment.all(in: message.content)
    let attachment = try #require(attachments.first)
    #expect(attachments.count == 1)
    #expect(attachment.position == 1)
    #expect(attachment.mediaType == mediaType)
    #expect((attachment.content == Self.image) == isDecoded)
    #expect((attachment.encoding == .base64) == isDecoded)
    if isDecoded { #expect(attachment.part.utf8.count < 150) }
    guard case .parts(let parts) = message.content else { return }
    #expect(try ContentPart(record(attachment), content: attachment.content) == parts[1])
  }

  @Test("text is no attachment")
  func text() throws {
    #expect(NewAttachment.all(in: .text("a")).isEmpty)
    #expect(NewAttachment.all(in: nil).isEmpty)
    let message = try message(#"{"type":"text","text":"a"},{"type":"input_text","text":"b"}"#)
    #expect(NewAttachment.all(in: message.content).isEmpty)
  }

  @Test("a row that makes no sense is refused", arguments: ["", "[]", "{}", #"{"type":"image_url"}"#])
  func malformed(part: String) {
    let attachment = AttachmentRecord(
      turnID: UUID(), position: 0, kind: "image_url", mediaType: nil, part: part, encoding: .base64,
      byteCount: 1, content: Data([1]), blob: nil)
    #expect(throws: StoresError.malformedAttachment) { _ = try ContentPart(attachment, content: Data([1])) }
  }
}
