/// What a person reads before an identity is made, and about what is shown then.
enum IdentityExplanation {
  static let key = [
    "YOUR IDENTITY  (1 of 2)",
    """
    You are about to get one key: the master key. Everything hangs on it: the address of this host, the addresses of \
    all your agents, and the keys with which you let others in.
    """,
    """
    It is 32 random bytes, made on this machine. Nobody else has it. There is no account behind it, no password that \
    could be reset, and nobody to ask.
    """,
    "Nothing has been made yet; Ctrl-C leaves everything as it is.",
  ]

  static let words = [
    "ITS 24 WORDS  (2 of 2)",
    """
    The key is shown to you as 24 words. Write them on paper, with their numbers. Whoever has these words is you, on \
    any machine; if the machine is lost and the words as well, so is the identity.
    """,
    """
    Make no photograph and no file of them. Do not type them into a wallet: it would compute other keys from them, and \
    know yours. Nobody who means well asks you for them.
    """,
    "When you have written them down you are asked for three of them.",
  ]

  static let plainWarning = """
    This terminal keeps what it shows. When you are done, clear it and what it can scroll back to.
    """

  static func recoveryCode(_ code: String) -> [String] {
    [
      "THE RECOVERY CODE", code,
      """
      Keep it beside the words. It is shown this once and stored nowhere, and is for a service that may come to ask for \
      it.
      """,
      """
      It is not a second set of words: it does not bring the identity back, it opens none of your data, and it does not \
      help if the words are lost.
      """,
    ]
  }
}
