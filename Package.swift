// swift-tools-version: 6.2
import PackageDescription

// GRDB asks the linker for `-lsqlite3`. The script in this folder answers that with SQLCipher, so that one
// SQLite, the encrypting one, is loaded. It has to come first on the link path: no system library below may
// use `pkgConfig:`, which would put the system's own folder before it.
let sqlcipherLinking: [LinkerSetting] = [
  .unsafeFlags(["-L\(Context.packageDirectory)/Linking"])
]

#if arch(arm64)
  let multiarch = "aarch64-linux-gnu"
#else
  let multiarch = "x86_64-linux-gnu"
#endif

let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

// A program of C alone, which needs no library to be there where it runs: not the C library, and not Swift's.
let alone: [LinkerSetting] = [.unsafeFlags(["-static-executable", "-nostartfiles"])]

func floor(
  _ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource]? = nil
) -> Target {
  .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: strict)
}

func tests(
  _ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource]? = nil
) -> Target {
  .testTarget(
    name: "\(name)Tests", dependencies: dependencies, resources: resources,
    swiftSettings: strict, linkerSettings: sqlcipherLinking)
}

let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let grdbSQLite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore = Target.Dependency.product(name: "HummingbirdCore", package: "hummingbird")
let httpClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioWebSocket = Target.Dependency.product(name: "NIOWebSocket", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let log = Target.Dependency.product(name: "Logging", package: "swift-log")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let configuration = Target.Dependency.product(name: "Configuration", package: "swift-configuration")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")

let package = Package(
  name: "osaurus-host",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "osaurus-host", targets: ["osaurus-host"]),
    .executable(name: "osaurus-relay", targets: ["osaurus-relay"]),
    .library(name: "Relay", targets: ["Relay"]),
    .executable(name: "osaurus-sandbox-init", targets: ["osaurus-sandbox-init"]),
    .executable(name: "osaurus-sandbox-probe", targets: ["osaurus-sandbox-probe"]),
    .library(name: "Sandbox", targets: ["Sandbox"]),
    .library(name: "SecureChannel", targets: ["SecureChannel"]),
    .library(name: "Identity", targets: ["Identity"]),
    .library(name: "Connector", targets: ["Connector"]),
    .library(name: "SecretMemory", targets: ["SecretMemory"]),
    .library(name: "Storage", targets: ["Storage"]),
    .library(name: "Stores", targets: ["Stores"]),
    .library(name: "Keyring", targets: ["Keyring"]),
    .library(name: "Host", targets: ["Host"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
  ],
  targets: [
    // Floor 0: C, and nothing but C.
    .target(name: "CBase64"),
    .target(name: "CVectors"),
    .target(name: "CArchive", linkerSettings: [.linkedLibrary("archive")]),
    .target(name: "CPages", linkerSettings: [.linkedLibrary("sqlcipher"), .linkedLibrary("crypto")]),
    .target(name: "CScratch", linkerSettings: [.linkedLibrary("sqlcipher"), .linkedLibrary("sodium")]),
    .target(name: "CFullText", linkerSettings: [.linkedLibrary("sqlcipher"), .linkedLibrary("m")]),
    .target(name: "CSodium", linkerSettings: [.linkedLibrary("sodium")]),
    .target(name: "CSecp256k1", linkerSettings: [.linkedLibrary("secp256k1")]),
    .target(name: "CQRCode", linkerSettings: [.linkedLibrary("qrencode")]),
    .target(
      name: "CDNSSD", linkerSettings: [.linkedLibrary("avahi-client"), .linkedLibrary("avahi-common")]),
    .target(name: "CSocketOwner"),
    .target(name: "CIsolation", linkerSettings: [.linkedLibrary("seccomp")]),
    .target(name: "CFolderUsage"),
    // The first process of a sandbox, and what tries to get out of one.
    .executableTarget(
      name: "osaurus-sandbox-init", dependencies: ["CFolderUsage"], linkerSettings: alone),
    .executableTarget(name: "osaurus-sandbox-probe", linkerSettings: alone),
    .target(name: "CSQLCipher", linkerSettings: [.linkedLibrary("sqlcipher")]),
    .target(
      name: "CNotifications",
      cSettings: [
        .unsafeFlags(["-I/usr/include/glib-2.0", "-I/usr/lib/\(multiarch)/glib-2.0/include"])
      ],
      linkerSettings: ["gio-2.0", "gobject-2.0", "glib-2.0"].map { .linkedLibrary($0) }),
    .target(
      name: "CSecretService",
      cSettings: [
        .unsafeFlags([
          "-I/usr/include/libsecret-1", "-I/usr/include/glib-2.0",
          "-I/usr/lib/\(multiarch)/glib-2.0/include",
        ])
      ],
      linkerSettings: ["secret-1", "gio-2.0", "gobject-2.0", "glib-2.0"].map { .linkedLibrary($0) }),

    floor("ForeignText"),
    floor("SecretMemory", ["CSodium"]),
    floor("Identity", ["SecretMemory", "CBase64", "CSecp256k1", crypto]),
    floor("SecureChannel", ["Identity", "SecretMemory", crypto, nioCore]),
    floor("Pairing", ["Identity", "SecretMemory", crypto]),
    floor("Discovery", ["Identity", "ForeignText", "CDNSSD"]),
    floor("Keyring", ["SecretMemory", "CSodium", "CSecretService", systemPackage]),
    floor(
      "Storage",
      [
        "Keyring", "Identity", "SecretMemory", "CArchive", "CPages", "CScratch", "CSodium", "CSQLCipher",
        "CFullText",
        crypto, grdb, grdbSQLite,
      ]),
    floor("Stores", ["Storage", "Identity", "SecretMemory", "CVectors", crypto, grdb]),
    floor(
      "Inference",
      ["ForeignText", "SecretMemory", crypto, httpClient, nioCore, nioHTTP1, log, subprocess, systemPackage]),
    floor(
      "Relay",
      [
        "Identity", "SecretMemory", crypto, nioCore, nioPosix, nioHTTP1, nioWebSocket, nioSSL, log, lifecycle,
      ]),
    floor(
      "Sandbox",
      [
        "SecretMemory", "CIsolation", "CFolderUsage", "CArchive", crypto, httpClient, nioCore, nioPosix,
        nioHTTP1,
      ]),
    floor("Agents", ["Stores", "Inference", "Identity", log]),
    floor(
      "Host",
      [
        "Agents", "Inference", "Pairing", "Discovery", "Relay", "Sandbox", "Stores", "Storage", "Keyring",
        "SecureChannel",
        "Identity", "ForeignText", "CNotifications",
        "SecretMemory", crypto, hummingbird, httpClient, httpTypes, grdb, nioCore, nioPosix, nioHTTP1, log,
        lifecycle, configuration,
      ]),
    floor(
      "Connector",
      [
        "Pairing", "Inference", "ForeignText", "SecureChannel", "Identity", "Keyring", "SecretMemory",
        "CSocketOwner", hummingbird, hummingbirdCore, httpClient, httpTypes, lifecycle, log, nioCore,
        nioPosix,
        nioHTTP1,
      ]),
    .executableTarget(
      name: "osaurus-host",
      dependencies: [
        "Host", "Connector", "Discovery", "Pairing", "Inference", "Sandbox", "Stores", "Storage", "Keyring",
        "Identity", "SecretMemory", "CQRCode", argumentParser, httpClient, nioCore, nioHTTP1, log, lifecycle,
        signals, subprocess, systemPackage,
      ],
      swiftSettings: strict, linkerSettings: sqlcipherLinking),
    .executableTarget(
      name: "osaurus-relay",
      dependencies: ["Relay", "SecretMemory", argumentParser, log, lifecycle, signals],
      swiftSettings: strict),

    // What tests of several floors share: sudden ends, small disks, chance.
    .target(name: "TestSupport", path: "Tests/TestSupport", swiftSettings: strict),

    tests("ForeignText", ["ForeignText"]),
    tests("SecretMemory", ["SecretMemory"]),
    tests("Identity", ["Identity", "SecretMemory", crypto]),
    tests("SecureChannel", ["SecureChannel", "Identity", "SecretMemory", crypto]),
    tests("Pairing", ["Pairing", "Identity", "SecretMemory", crypto]),
    tests("Discovery", ["Discovery", "Identity"]),
    tests("Keyring", ["Keyring", "SecretMemory", "TestSupport"]),
    tests(
      "Storage", ["Storage", "CPages", "Keyring", "Identity", "SecretMemory", "TestSupport", crypto, grdb]),
    tests("Stores", ["Stores", "Storage", "Keyring", "Identity", "SecretMemory", "TestSupport", grdb]),
    tests(
      "Inference",
      [
        "Inference", "SecretMemory", hummingbird, nioCore, httpClient, log, lifecycle, subprocess,
        systemPackage,
      ]),
    tests(
      "Relay",
      [
        "Relay", "Identity", "SecretMemory", "TestSupport", "osaurus-relay", argumentParser, nioCore,
        nioPosix, nioHTTP1, nioWebSocket, nioEmbedded, nioSSL, log, lifecycle,
      ]),
    tests(
      "Sandbox",
      [
        "Sandbox", "CFolderUsage", "SecretMemory", "TestSupport", crypto, httpClient, nioCore, nioPosix,
        nioSSL,
      ]),
    tests("Agents", ["Agents", "Inference", "Stores", "Storage", "Keyring", "Identity", "SecretMemory"]),
    tests(
      "Host",
      [
        "Host", "Agents", "Inference", "Pairing", "Relay", "Sandbox", "Stores", "Storage", "Keyring",
        "SecureChannel",
        "Identity",
        "SecretMemory", "Connector", "osaurus-host", "TestSupport", crypto, grdb, hummingbird, httpTypes,
        httpClient,
        nioCore, nioPosix,
        nioHTTP1, log, lifecycle, subprocess, systemPackage,
      ]),
    tests(
      "Connector",
      [
        "Connector", "Inference", "Pairing", "SecureChannel", "Identity", "Keyring", "SecretMemory",
        httpClient, nioCore, nioPosix, nioHTTP1,
      ]),
  ]
)
