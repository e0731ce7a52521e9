import Testing

@testable import Identity

@Suite("A phrase while it is typed")
struct PhraseDraftTests {
  private static let phrase =
    "project entry cook mango pause vast purse network regular mushroom divide chuckle "
    + "river focus tobacco laundry galaxy tornado own online satisfy just wrap arctic"

  @Test("words come one at a time, all at once, shortened to four letters, or with their numbers")
  func adds() throws {
    let words = Self.phrase.split(separator: " ")
    let ways = [
      words.map(String.init), [Self.phrase], words.map { String($0.prefix(4)) },
      [words.map { $0.uppercased() }.joined(separator: "\n\t ")],
      [words.enumerated().map { "\($0 + 1). \($1)" }.joined(separator: "  ")],
      words.enumerated().map { "\($0 + 1)) \($1) " },
    ]
    for way in ways {
      var draft = PhraseDraft()
      for text in way {
        #expect(!draft.isComplete)
        try draft.add(text)
      }
      #expect(draft.isComplete)
      #expect(draft.words == words.map(String.init))
    }
  }

  @Test("an unknown word stops where it is, with its place and what may be meant")
  func unknownWord() throws {
    var draft = PhraseDraft()
    do {
      try draft.add("project entry coook mango")
      Issue.record("It was taken.")
    } catch PhraseDraft.Problem.unknownWord(let word, let position, let suggestions) {
      #expect(word == "coook")
      #expect(position == 3)
      #expect(suggestions.first == "cook")
    }
    #expect(draft.words == ["project", "entry"])
    // Three letters of a longer word are too few, even where they would do.
    #expect(throws: PhraseDraft.Problem.self) { try draft.add("coo") }
    try draft.add("cook")
    draft.removeLast()
    #expect(draft.position == 3)
    draft.replace(1, with: "zoo")
    draft.replace(2, with: "nonsense")
    draft.replace(9, with: "zoo")
    #expect(draft.words == ["zoo", "entry"])
    try draft.add(" \n 12. ")
    #expect(draft.words.count == 2)
  }

  @Test("a 25th word is refused")
  func tooMany() throws {
    var draft = PhraseDraft()
    #expect(throws: PhraseDraft.Problem.tooManyWords) { try draft.add(Self.phrase + " zoo") }
    #expect(draft.isComplete)
  }
}
