// swift-tools-version: 6.2
import PackageDescription

// Measurements have a package of their own, so that nobody has to build them.
let package = Package(
  name: "Benchmarks",
  platforms: [.macOS(.v15)],
  dependencies: [
    .package(name: "osaurus-host", path: ".."),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.30.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
  ],
  targets: [
    .systemLibrary(name: "CSecp256k1Bare"),
    .executableTarget(
      name: "osaurus-bench",
      dependencies: [
        "CSecp256k1Bare",
        .product(name: "Identity", package: "osaurus-host"),
        .product(name: "SecureChannel", package: "osaurus-host"),
        .product(name: "Connector", package: "osaurus-host"),
        .product(name: "Relay", package: "osaurus-host"),
        .product(name: "SecretMemory", package: "osaurus-host"),
        .product(name: "Storage", package: "osaurus-host"),
        .product(name: "Stores", package: "osaurus-host"),
        .product(name: "Host", package: "osaurus-host"),
        .product(name: "Sandbox", package: "osaurus-host"),
        .product(name: "Keyring", package: "osaurus-host"),
        .product(name: "GRDB", package: "GRDB.swift"),
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)],
      // GRDB asks for SQLite, and gets SQLCipher.
      linkerSettings: [.unsafeFlags(["-L\(Context.packageDirectory)/../Linking"])]),
  ]
)
