import Foundation

extension Terminal {
  /// Asks a question that has a good answer: whoever presses Enter gives it.
  static func choose(_ question: String, byDefault: Bool) -> Bool {
    FileHandle.standardError.write(Data("\(question) \(byDefault ? "[Y/n]" : "[y/N]") ".utf8))
    switch readLine()?.trimmingCharacters(in: .whitespaces).lowercased() {
    case "y", "yes": return true
    case "n", "no": return false
    default: return byDefault
    }
  }
}
