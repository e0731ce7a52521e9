import Testing

@testable import Keyring

@Suite("Swap")
struct SwapSpaceTests {
  @Test("what is encrypted or memory is told from what is not")
  func listing() {
    let listing = """
      Filename				Type		Size		Used		Priority
      /dev/dm-1                               partition	8388604		0		-2
      /swap\\040file                          file		2097148		12		-3
      /dev/zram0                              partition	4194300		0		100
      """
    let swap = SwapSpace(listing: listing) { ["/dev/dm-1", "/dev/zram0"].contains($0) }
    #expect(swap.plain == ["/swap file"])
    #expect(swap.sealed == ["/dev/dm-1", "/dev/zram0"])
    for none in ["", "Filename Type Size Used Priority\n"] {
      let swap = SwapSpace(listing: none) { _ in false }
      #expect(swap.plain.isEmpty && swap.sealed.isEmpty)
    }
  }

  @Test("this machine is looked at without harm")
  func here() {
    let swap = SwapSpace()
    #expect(Set(swap.plain).isDisjoint(with: swap.sealed))
  }
}
