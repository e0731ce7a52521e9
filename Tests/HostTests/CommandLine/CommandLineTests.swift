import Testing

/// The program itself, as another process. One after the other: each of them is work for more than one core.
@Suite("The command line", .serialized)
struct CommandLineTests {}
