import Synchronization
import Testing

@testable import Host

@Suite("The network of this machine")
struct NetworkWatchTests {
  @Test("its default routes are read, and what changes by itself is left out")
  func routes() {
    let ipv4 = """
      Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
      eth0\t00000000\t0101A8C0\t0003\t0\t17\t100\t00000000\t0\t0\t0
      eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0
      """
    #expect(NetworkWatch.defaultRoutes(ipv4) == ["eth0 00000000 0101A8C0"])
    let zeros = String(repeating: "0", count: 32)
    let ipv6 = """
      \(zeros) 00 \(zeros) 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003 wlan0
      fe800000000000000000000000000000 40 \(zeros) 00 \(zeros) 00000100 00000001 00000000 00000001 wlan0
      \(zeros) 00 \(zeros) 00 \(zeros) ffffffff 00000001 00000000 00200200 lo
      """
    #expect(NetworkWatch.defaultRoutes(ipv6) == ["fe800000000000000000000000000001 wlan0"])
    #expect(NetworkWatch.defaultRoutes("").isEmpty)
    #expect(NetworkWatch.present() == NetworkWatch.present())
  }

  @Test("a change is told once, and what stays is not")
  func changes() async {
    let looks = Mutex<[Set<String>]>([["a"], ["a"], ["b"], ["b"], ["b", "c"], ["a"]])
    let told = Mutex(0)
    let watch = NetworkWatch { looks.withLock { $0.count > 1 ? $0.removeFirst() : $0[0] } }
    let (ended, end) = AsyncStream.makeStream(of: Void.self)
    let running = Task {
      await watch.run(clock: ImmediateClock()) {
        let count = told.withLock { told in
          told += 1
          return told
        }
        if count == 3 { end.finish() }
      }
    }
    for await _ in ended {}
    running.cancel()
    await running.value
    #expect(told.withLock { $0 } == 3)
  }

  /// Time that passes at once.
  private struct ImmediateClock: Clock {
    var now: ContinuousClock.Instant { .now }
    var minimumResolution: Duration { .zero }
    func sleep(until deadline: ContinuousClock.Instant, tolerance: Duration?) async throws {
      try Task.checkCancellation()
      await Task.yield()
    }
  }
}
