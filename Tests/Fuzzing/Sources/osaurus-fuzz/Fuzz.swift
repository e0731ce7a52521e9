import CLibFuzzer
import Foundation

/// Looks for bytes that a relay or a host's end of a tunnel does not survive, or after which it is not what it was, guided by
/// which lines they reach.
///
/// `osaurus-fuzz relay CORPUS -max_total_time=600` goes on from what the folder holds and adds to it; `osaurus-fuzz relay FILE`
/// tries one input again. `osaurus-fuzz seeds FOLDER` writes what to begin with, and `FOLDER/words` for `-dict=`. All other
/// arguments are the fuzzer's: `osaurus-fuzz relay -help=1`.
@main
struct Fuzz {
  static func main() throws {
    let arguments = CommandLine.arguments
    guard arguments.count >= 2 else { return usage() }
    switch arguments[1] {
    case "relay":
      run { data, size in
        RelayScript.run(UnsafeBufferPointer(start: data, count: size))
        return 0
      }
    case "host":
      run { data, size in
        HostScript.run(UnsafeBufferPointer(start: data, count: size))
        return 0
      }
    case "seeds" where arguments.count == 3: try Seeds.write(to: URL(filePath: arguments[2]))
    default: usage()
    }
  }

  /// Runs the fuzzer with its own arguments, and ends with it.
  private static func run(_ callback: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt) {
    let all = CommandLine.unsafeArgv
    var count = CommandLine.argc - 1
    // Its own name, and what follows the name of the target.
    (all + 1).pointee = all.pointee
    var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = all + 1
    exit(LLVMFuzzerRunDriver(&count, &arguments, callback))
  }

  private static func usage() {
    print("Usage: osaurus-fuzz relay|host [CORPUS] [-max_total_time=SECONDS …], or osaurus-fuzz seeds FOLDER")
    exit(2)
  }
}
