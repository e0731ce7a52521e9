/// Interpreters that take their program from the command.
extension CommandWalk {
  struct Interpreter {
    /// Letters of options whose value is a program.
    var letters = ""
    /// Letters of options with another value.
    var valueLetters = ""
    /// Long options whose value is a program.
    var words: [String] = []
    /// Long options with another value as the next word.
    var valueWords: Set<String> = []
    /// Whether a program is read from the standard input where no other is named.
    var readsInput = true
  }

  private static let interpreters: [String: Interpreter] = [
    "python": Interpreter(letters: "c", valueLetters: "WXm"),
    "pypy": Interpreter(letters: "c", valueLetters: "WXm"),
    "perl": Interpreter(letters: "eE", valueLetters: "IMmDFxCVi0l"),
    "ruby": Interpreter(letters: "e", valueLetters: "IrCEFKiTx"),
    "node": Interpreter(
      letters: "ep", valueLetters: "rC", words: ["--eval", "--print"],
      valueWords: ["--require", "--import", "--loader", "--conditions", "--env-file"]),
    "nodejs": Interpreter(letters: "ep", valueLetters: "rC", words: ["--eval", "--print"]),
    "deno": Interpreter(letters: "e", words: ["eval"]),
    "bun": Interpreter(letters: "ep", words: ["--eval", "--print"]),
    "php": Interpreter(letters: "rBRE", valueLetters: "cdfFtSz", words: ["--run"]),
    "lua": Interpreter(letters: "e", valueLetters: "l"),
    "luajit": Interpreter(letters: "e", valueLetters: "ljO"),
    "tclsh": Interpreter(), "wish": Interpreter(), "expect": Interpreter(letters: "c", valueLetters: "f"),
    "guile": Interpreter(letters: "ce", valueLetters: "Lls"),
    "racket": Interpreter(letters: "e", words: ["--eval"]),
    "julia": Interpreter(letters: "eE", words: ["--eval", "--print"]), "R": Interpreter(letters: "e"),
    "Rscript": Interpreter(letters: "e"), "octave": Interpreter(words: ["--eval"]),
    "ghc": Interpreter(letters: "e"),
    "runghc": Interpreter(letters: "e"), "elixir": Interpreter(letters: "e", words: ["--eval"]),
    "erl": Interpreter(words: ["-eval"]), "ocaml": Interpreter(letters: "e"),
    "swift": Interpreter(letters: "e", readsInput: false),
    "groovy": Interpreter(letters: "e"), "scala": Interpreter(letters: "e"),
    "clojure": Interpreter(letters: "e"),
    "jshell": Interpreter(), "osascript": Interpreter(letters: "e"), "psql": Interpreter(readsInput: false),
    "gdb": Interpreter(words: ["-ex", "-iex", "--eval-command", "--ex"], readsInput: true),
    "emacs": Interpreter(words: ["--eval", "--execute", "-eval"], readsInput: false),
    "vim": Interpreter(letters: "c", valueLetters: "uST", words: ["--cmd"], readsInput: false),
    "vi": Interpreter(letters: "c", readsInput: false),
    "nvim": Interpreter(letters: "c", words: ["--cmd"], readsInput: false),
    "ex": Interpreter(letters: "c"), "ed": Interpreter(), "gnuplot": Interpreter(letters: "e"),
    "m4": Interpreter(),
    "make": Interpreter(words: ["--eval"], readsInput: false),
    "gmake": Interpreter(words: ["--eval"], readsInput: false),
    "sqlite": Interpreter(readsInput: false), "dc": Interpreter(letters: "e"),
    "awk": Interpreter(readsInput: false),
  ]

  mutating func interpret(_ name: String, _ words: [KnownWord], _ context: Context) {
    if ["awk", "gawk", "mawk", "nawk", "original-awk"].contains(name) { return awk(words) }
    guard let interpreter = Self.interpreters[name] else { return }
    var index = 1
    while index < words.count {
      let word = words[index]
      let text = word.beginning
      guard text.hasPrefix("-"), text.count > 1 else {
        if interpreter.words.contains(text), word.isWhole { return inline(word) }
        if !word.isWhole, word.isSplit {
          return unknown(word.place, "what '\(words[0].text)' runs is known only when it does")
        }
        break
      }
      index += 1
      if text == "--" { break }
      if interpreter.words.contains(where: { text == $0 || text.hasPrefix("\($0)=") }) { return inline(word) }
      if text.hasPrefix("--") {
        if interpreter.valueWords.contains(text) { index += 1 }
        continue
      }
      let letters = text.dropFirst()
      for place in letters.indices {
        if interpreter.letters.contains(letters[place]) { return inline(word) }
        guard interpreter.valueLetters.contains(letters[place]) else { continue }
        if name == "python", letters[place] == "m" { return module(words, index) }
        // Its value is the rest of the word, or the next one; some have none.
        if letters.index(after: place) == letters.endIndex, !"i0lxCV".contains(letters[place]) { index += 1 }
        break
      }
    }
    if index < words.count {
      // With a script of its own it reads no other, but for a `-`.
      return scriptFile(words[index], words[0], context)
    }
    if interpreter.readsInput { readInput(words[0], context, isShell: false) }
  }

  private mutating func inline(_ word: KnownWord) {
    findings.add(.inlineScript, word.place.evidence("a program is written in the command"))
  }

  /// `python -m`, for the modules that are programs for something else.
  private mutating func module(_ words: [KnownWord], _ index: Int) {
    guard index < words.count else { return }
    let module = words[index]
    guard let name = module.literal else {
      return unknown(module.place, "which module runs is known only when it does")
    }
    switch name {
    case "pip", "uv", "poetry": simple(Array(words[index...]), Context())
    case "http.server", "http", "ftplib", "telnetlib", "smtplib", "urllib", "ensurepip", "xmlrpc.server":
      findings.add(.network, module.place.evidence("this module is for the network"))
    case "timeit", "trace", "pdb", "code", "profile", "cProfile":
      findings.add(.inlineScript, module.place.evidence("this module runs what it is given"))
    default: break
    }
  }

  /// A program for awk is in nearly every command with it; what counts is whether it runs others.
  private mutating func awk(_ words: [KnownWord]) {
    var index = 1
    while index < words.count, words[index].beginning.hasPrefix("-"), words[index].beginning.count > 1 {
      let text = words[index].beginning
      if text == "-f" || text.hasPrefix("--file") || text.hasPrefix("-f") { return }
      index += text == "-v" || text == "-F" ? 2 : 1
      if text == "--" { break }
    }
    guard index < words.count else { return }
    let text = words[index].text
    if text.contains("system") || text.contains("|") || text.contains("getline") {
      findings.add(.inlineScript, words[index].place.evidence("this program of awk runs others"))
    }
  }

  // MARK: What is written

  /// Programs all of whose arguments are written to, and those of which the last one is.
  private static let writers: Set<String> = ["tee", "touch", "mkdir", "truncate", "mkfifo", "sponge"]
  private static let copiers: Set<String> = ["cp", "mv", "install", "ln", "rsync"]
  private static let valueLetters: [String: String] = [
    "cp": "St", "mv": "St", "install": "gmoSt", "ln": "St", "touch": "drt", "mkdir": "m", "truncate": "rs",
    "rsync": "e",
  ]

  mutating func writes(of name: String, _ arguments: [KnownWord]) {
    if name == "dd" {
      for word in arguments where word.beginning.hasPrefix("of=") {
        findings.add(.destructiveCommand, word.place.evidence("dd overwrites that"))
        write(to: word.dropping("of="))
      }
    }
    if name == "sed" || name == "perl", arguments.contains(where: { Self.editsInPlace($0.beginning) }) {
      // The first that is no option is the program, unless there is one already.
      for word in arguments where !word.beginning.hasPrefix("-") { write(to: word) }
    }
    guard Self.writers.contains(name) || Self.copiers.contains(name) else { return }
    var operands: [KnownWord] = []
    var (index, takesOptions) = (0, true)
    while index < arguments.count {
      let word = arguments[index]
      let text = word.beginning
      index += 1
      if takesOptions, text == "--" {
        takesOptions = false
      } else if takesOptions, text.hasPrefix("--target-directory=") {
        write(to: word.dropping("--target-directory="))
      } else if takesOptions, text == "-t" || text == "--target-directory", Self.copiers.contains(name) {
        if index < arguments.count { write(to: arguments[index]) }
        index += 1
      } else if takesOptions, text.hasPrefix("-"), text.count > 1 {
        if !text.hasPrefix("--"), let last = text.last, Self.valueLetters[name]?.contains(last) == true {
          index += 1
        }
      } else {
        operands.append(word)
      }
    }
    if Self.writers.contains(name) {
      for word in operands { write(to: word) }
    } else if operands.count > 1, let last = operands.last {
      write(to: last)
    }
  }

  private static func editsInPlace(_ option: String) -> Bool {
    option.hasPrefix("--in-place")
      || (option.hasPrefix("-") && !option.hasPrefix("--") && option.contains("i"))
  }
}
