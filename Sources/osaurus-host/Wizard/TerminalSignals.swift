import Dispatch

#if canImport(Glibc)
  import Glibc
#endif

/// Signals as they come, for whoever waits for keys: each wakes a descriptor and is then read, and nothing happens
/// inside a handler. When this is let go of, every signal does again what it did before.
final class TerminalSignals {
  /// What ends a program.
  static let ending: Set<Int32> = [SIGINT, SIGTERM, SIGHUP, SIGQUIT]

  private var before: [Int32: sigaction] = [:]
  private var sources: [any DispatchSourceSignal] = []
  private var ends: [Int32] = [-1, -1]

  init(_ numbers: Set<Int32>) {
    for number in numbers {
      var action = sigaction()
      sigaction(number, nil, &action)
      before[number] = action
    }
    pipe(&ends)
    for end in ends {
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
    }
    let writer = ends[1]
    // Until a signal is caught it ends the program as it is.
    let caught = DispatchGroup()
    sources = numbers.map { number in
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler {
        var byte = UInt8(number)
        write(writer, &byte, 1)
      }
      caught.enter()
      source.setRegistrationHandler { caught.leave() }
      source.resume()
      return source
    }
    caught.wait()
  }

  deinit {
    for source in sources { source.cancel() }
    // Cancelling leaves a handler behind that swallows the signal.
    for (number, action) in before {
      var action = action
      sigaction(number, &action, nil)
    }
    close(ends[0])
    // The writing end stays: a source that was cancelled may still be at work. It goes with the process.
  }

  /// What to poll.
  var descriptor: Int32 { ends[0] }

  /// The next signal that came; nil when there is none.
  func next() -> Int32? {
    var byte: UInt8 = 0
    return read(ends[0], &byte, 1) == 1 ? Int32(byte) : nil
  }

  /// Stops this program and whatever runs with it, as `number` does by itself, and returns when it goes on. Returns at
  /// once where nobody could let it go on.
  static func stop(by number: Int32) {
    var own = sigaction()
    sigaction(number, nil, &own)
    signal(number, SIG_IGN)
    kill(0, number)
    signal(number, SIG_DFL)
    // The threads of the runtime hold all signals back. One that is meant for this thread stops the process here.
    var only = sigset_t()
    var held = sigset_t()
    sigemptyset(&only)
    sigaddset(&only, number)
    pthread_sigmask(SIG_UNBLOCK, &only, &held)
    pthread_kill(pthread_self(), number)
    pthread_sigmask(SIG_SETMASK, &held, nil)
    sigaction(number, &own, nil)
  }
}
