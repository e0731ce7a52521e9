public import Foundation
public import Inference
public import Stores

/// Where the content stands in a part of a message, by the type of the part. Everything around it is kept as it came.
private enum PartContent {
  static func path(of type: String) -> [String]? {
    switch type {
    case "image_url": ["image_url", "url"]
    case "input_image": ["image_url"]
    case "video_url": ["video_url", "url"]
    case "audio_url": ["audio_url", "url"]
    case "input_audio": ["input_audio", "data"]
    case "file": ["file", "file_data"]
    default: nil
    }
  }
}

extension NewAttachment {
  /// What a message carries besides text, in order.
  static func all(in content: MessageContent?) -> [NewAttachment] {
    guard case .parts(let parts) = content else { return [] }
    return parts.enumerated().compactMap { position, part in
      part.text == nil ? NewAttachment(part, position: position) : nil
    }
  }

  private init(_ part: ContentPart, position: Int) {
    guard let path = PartContent.path(of: part.type), let text = part.value.member(at: path)?.string else {
      self.init(
        position: position, kind: part.type, mediaType: nil, part: "", encoding: .json,
        content: Data(part.value.json.utf8))
      return
    }
    let (prefix, payload, said) = Self.split(text)
    let format = part.value["input_audio"]?["format"]?.string
    let mediaType = said ?? format.map { "audio/\($0)" }
    // Only what comes out again to the letter is taken for base64.
    if prefix.isEmpty == (part.type == "input_audio"), let decoded = Data(base64Encoded: payload),
      decoded.base64EncodedString() == payload
    {
      self.init(
        position: position, kind: part.type, mediaType: mediaType,
        part: part.value.replacing(at: path, with: prefix).json, encoding: .base64, content: decoded)
    } else {
      self.init(
        position: position, kind: part.type, mediaType: mediaType,
        part: part.value.replacing(at: path, with: "").json, encoding: .text, content: Data(text.utf8))
    }
  }

  /// `data:image/png;base64,` and what follows it, and the media type that it names. (RFC 2397)
  private static func split(_ text: String) -> (prefix: String, payload: String, mediaType: String?) {
    guard text.hasPrefix("data:"), let comma = text.prefix(256).firstIndex(of: ","),
      text[..<comma].hasSuffix(";base64")
    else { return ("", text, nil) }
    let prefix = text[...comma]
    let mediaType = prefix.dropFirst(5).prefix { $0 != ";" && $0 != "," }
    return (
      String(prefix), String(text[text.index(after: comma)...]), mediaType.isEmpty ? nil : String(mediaType)
    )
  }
}

extension ContentPart {
  /// The part that an attachment came as.
  /// - Parameter content: what is in the attachment.
  /// - Throws: `StoresError.malformedAttachment` where the attachment's row makes no sense.
  public init(_ attachment: AttachmentRecord, content: Data) throws {
    func parsed(_ json: Data) throws -> ContentPart {
      guard let part = try? JSONDecoder().decode(ContentPart.self, from: json) else {
        throw StoresError.malformedAttachment
      }
      return part
    }
    guard attachment.encoding != .json else {
      self = try parsed(content)
      return
    }
    let part = try parsed(Data(attachment.part.utf8))
    guard let path = PartContent.path(of: part.type), let prefix = part.value.member(at: path)?.string else {
      throw StoresError.malformedAttachment
    }
    let payload =
      attachment.encoding == .base64
      ? content.base64EncodedString() : String(decoding: content, as: UTF8.self)
    self.init(part.value.replacing(at: path, with: prefix + payload))
  }
}

extension JSONValue {
  fileprivate var json: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(self) else { return "null" }
    return String(decoding: data, as: UTF8.self)
  }

  fileprivate func member(at path: [String]) -> JSONValue? {
    path.reduce(self as JSONValue?) { $0?[$1] }
  }

  fileprivate func replacing(at path: [String], with text: String) -> JSONValue {
    guard let key = path.first else { return .string(text) }
    guard case .object(var members) = self, let member = members[key] else { return self }
    members[key] = member.replacing(at: Array(path.dropFirst()), with: text)
    return .object(members)
  }
}
