// swift-tools-version: 6.2
import PackageDescription

// The fuzzer has a package of its own, for everything below it is built another way: so that it can see which lines ran.
let package = Package(
  name: "Fuzzing",
  platforms: [.macOS(.v15)],
  dependencies: [
    .package(name: "osaurus-host", path: "../.."),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
  ],
  targets: [
    .target(name: "CLibFuzzer"),
    .executableTarget(
      name: "osaurus-fuzz",
      dependencies: [
        "CLibFuzzer",
        .product(name: "Relay", package: "osaurus-host"),
        .product(name: "Identity", package: "osaurus-host"),
        .product(name: "SecretMemory", package: "osaurus-host"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOEmbedded", package: "swift-nio"),
        .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)],
      // The fuzzer brings a main function that is not wanted; gold ends over that.
      linkerSettings: [.unsafeFlags(["-use-ld=lld"])]),
  ]
)
