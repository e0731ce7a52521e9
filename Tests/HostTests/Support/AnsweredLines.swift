import Foundation

/// What the lines of an answer in Ollama's shape say.
struct AnsweredLines {
  let all: [[String: Any]]

  init(_ text: String) {
    all = text.split(separator: "\n").map { line in
      (try? JSONSerialization.jsonObject(with: Data(line.utf8))) as? [String: Any] ?? ["unreadable": line]
    }
  }

  /// The words of the answer, on either route.
  var text: String {
    all.compactMap { line in
      (line["message"] as? [String: Any])?["content"] as? String ?? line["response"] as? String
    }.joined()
  }

  var last: [String: Any] { all.last ?? [:] }

  /// Whether the last line, and no other, says that the answer is done.
  var isDone: Bool {
    last["done"] as? Bool == true && last["error"] == nil
      && all.dropLast().allSatisfy { $0["done"] as? Bool == false }
  }
}
