import CIsolation
import Glibc

/// Input, output and errors of a command: our ends of them, and its own until it is started.
struct StandardStreams: ~Copyable {
  /// Where to write; for a terminal, a second descriptor of its controlling side.
  let input: Descriptor?
  let inputNumber: Int32
  /// Where to read; for a terminal, its controlling side.
  let output: Descriptor
  /// Where to read; of a terminal, on which both are one, the same.
  let errors: Descriptor
  private let theirInput: Descriptor
  private let theirOutput: Descriptor
  private let theirErrors: Descriptor

  /// What becomes descriptors 0, 1 and 2.
  var theirs: [Int32] { [theirInput.number, theirOutput.number, theirErrors.number] }

  static func open(for request: ExecutionRequest) throws(SystemError) -> StandardStreams {
    if let size = request.terminal { return try terminal(size) }
    return request.takesInput ? try pipes() : try pipesWithoutInput()
  }

  private static func terminal(_ size: ExecutionRequest.TerminalSize) throws(SystemError) -> StandardStreams {
    let sides = try DescriptorPair { osr_terminal($0, $0 + 1, size.columns, size.rows) }
    try SystemError.check(osr_nonblocking(sides.ours.number))
    let input = try Descriptor(opened: osr_duplicate(sides.ours.number, 3))
    let errors = try Descriptor(opened: osr_duplicate(sides.ours.number, 3))
    let theirOutput = try Descriptor(opened: osr_duplicate(sides.theirs.number, 3))
    let theirErrors = try Descriptor(opened: osr_duplicate(sides.theirs.number, 3))
    let number = input.number
    return StandardStreams(
      input: input, inputNumber: number, output: sides.ours, errors: errors, theirInput: sides.theirs,
      theirOutput: theirOutput, theirErrors: theirErrors)
  }

  private static func pipes() throws(SystemError) -> StandardStreams {
    let inputs = try DescriptorPair(secondIsOurs: true, osr_pipe)
    try SystemError.check(osr_nonblocking(inputs.ours.number))
    let outputs = try outputPipe()
    let errors = try outputPipe()
    let number = inputs.ours.number
    return StandardStreams(
      input: inputs.ours, inputNumber: number, output: outputs.ours, errors: errors.ours,
      theirInput: inputs.theirs, theirOutput: outputs.theirs, theirErrors: errors.theirs)
  }

  private static func pipesWithoutInput() throws(SystemError) -> StandardStreams {
    let nothing = Glibc.open("/dev/null", O_RDONLY | O_CLOEXEC)
    guard nothing >= 0 else { throw SystemError.last }
    let silence = Descriptor(nothing)
    let outputs = try outputPipe()
    let errors = try outputPipe()
    return StandardStreams(
      input: nil, inputNumber: -1, output: outputs.ours, errors: errors.ours, theirInput: silence,
      theirOutput: outputs.theirs, theirErrors: errors.theirs)
  }

  private static func outputPipe() throws(SystemError) -> DescriptorPair {
    let pipe = try DescriptorPair(osr_pipe)
    try SystemError.check(osr_nonblocking(pipe.ours.number))
    return pipe
  }
}
