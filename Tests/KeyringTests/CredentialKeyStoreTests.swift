import Foundation
import SecretMemory
import Testing

@testable import Keyring

#if canImport(Glibc)
  import Glibc
#endif

/// The real `systemd-creds`, with a machine's key of the test's own. Only root can use it before systemd 256.
enum MachineKey {
  static let isUsable =
    ProcessInfo.processInfo.environment["CI"] == "true"
    || geteuid() == 0 && (try? SystemdCredentials()) != nil

  /// Makes `systemd-creds` use a key in this folder, which belongs into a process of the test's own.
  static func use(in folder: TemporaryFolder, named name: String = "machine.secret") {
    setenv("SYSTEMD_CREDENTIAL_SECRET", folder.url.appending(path: name).path, 1)
  }
}

@Suite("Secrets that only this machine opens", .enabled(if: MachineKey.isUsable))
struct SystemdCredentialsTests {
  @Test("what is sealed opens under its name, on its machine, and nowhere else")
  func roundTrip() async {
    await #expect(processExitsWith: .success) {
      let folder = try TemporaryFolder()
      MachineKey.use(in: folder)
      let credentials = try SystemdCredentials()
      let secret = SecretBytes(count: 256) { $0.copyBytes(from: (0...255).map { UInt8($0) }) }
      let text = try credentials.encrypt(secret, name: "osaurus-test", with: .host)
      #expect(try credentials.decrypt(text, name: "osaurus-test").isEqual(to: secret))
      #expect(isRefused { _ = try credentials.decrypt(text, name: "osaurus-other") })
      var bent = text
      bent[bent.count / 2] = bent[bent.count / 2] == 65 ? 66 : 65
      #expect(isRefused { _ = try credentials.decrypt(bent, name: "osaurus-test") })
      #expect(isRefused { _ = try credentials.decrypt(Array("hello".utf8), name: "osaurus-test") })
      MachineKey.use(in: folder, named: "other.secret")
      #expect(isRefused { _ = try credentials.decrypt(text, name: "osaurus-test") })
      try credentials.probe(.host)
    }
  }

  @Test("what is sealed under an empty key is refused, though systemd opens it")
  func null() async {
    await #expect(processExitsWith: .success) {
      let program = try #require(ChildProgram("systemd-creds"))
      let made = try program.run(
        ["encrypt", "--with-key=tpm2-absent", "--name=osaurus-test", "-", "-"],
        input: SecretBytes(text: "secret"), patience: .seconds(60))
      let status = made.status
      try #require(status == 0)
      let text = made.output.withUnsafeBytes { Array($0) }
      let credentials = try SystemdCredentials()
      #expect(throws: KeyringError.credentialUnsealed) {
        _ = try credentials.decrypt(text, name: "osaurus-test")
      }
    }
  }

  @Test("a machine without a TPM says so", .enabled(if: access("/dev/tpmrm0", F_OK) != 0))
  func noTPM() async {
    await #expect(processExitsWith: .success) {
      let credentials = try SystemdCredentials()
      #expect(isRefused { try credentials.probe(.tpm2) })
    }
  }
}

@Suite("A program of the system")
struct ChildProgramTests {
  @Test("it is given a secret by a pipe, and what it answers is bounded in size and in time")
  func bounds() throws {
    let cat = try #require(ChildProgram("cat"))
    let secret = SecretBytes.random(count: 60_000)
    let echoed = try cat.run(["-"], input: secret, patience: .seconds(60)).output.isEqual(to: secret)
    #expect(echoed)
    #expect(throws: KeyringError.programTimedOut("sleep")) {
      _ = try #require(ChildProgram("sleep")).run(
        ["600"], input: SecretBytes(count: 0) { _ in }, patience: .milliseconds(200))
    }
    #expect(throws: KeyringError.programTimedOut("yes")) {
      _ = try #require(ChildProgram("yes")).run(
        [], input: SecretBytes(count: 0) { _ in }, patience: .seconds(60))
    }
    // One that never reads what it is given ends nobody by a signal.
    let status = try #require(ChildProgram("true")).run([], input: secret, patience: .seconds(60)).status
    #expect(status == 0)
    #expect(ChildProgram("no-such-program") == nil)
  }

  @Test("it gets no more of the environment than it needs")
  func environment() async {
    await #expect(processExitsWith: .success) {
      setenv("OSAURUS_SECRET", "x", 1)
      let printed = try #require(ChildProgram("env")).run(
        [], input: SecretBytes(count: 0) { _ in }, patience: .seconds(60))
      let text = printed.output.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
      #expect(!text.contains("OSAURUS") && text.contains("PATH="))
    }
  }
}

@Suite("Keys under a systemd credential", .enabled(if: MachineKey.isUsable))
struct CredentialKeyStoreTests {
  @Test("secrets are kept, read in another process, and gone with their credential")
  func roundTrip() async {
    await #expect(processExitsWith: .success) {
      let folder = try TemporaryFolder()
      MachineKey.use(in: folder)
      let folders = HostFolders(home: folder.url)
      try folders.create()
      let store = SealedKeyStore.credential(folders: folders)
      #expect(store.kind == .systemdCredential)
      #expect(try store.bytes(.dataKey) == nil)
      try store.keep([1, 2, 3], as: .dataKey)
      try store.keep([4], as: .peerKey("home"))
      store.forgetKey()
      #expect(try store.bytes(.dataKey) == [1, 2, 3])
      #expect(try folder.mode(of: "config/osaurus-keys.cred") == 0o600)
      #expect(try folder.mode(of: "config/keys-credential.json") == 0o600)

      store.forgetKey()
      let moved = folder.url.appending(path: "moved")
      try FileManager.default.moveItem(at: folders.credentialFile(.keys), to: moved)
      #expect(throws: KeyringError.credentialFileMissing(path: folders.credentialFile(.keys).path)) {
        _ = try store.bytes(.dataKey)
      }
      try FileManager.default.moveItem(at: moved, to: folders.credentialFile(.keys))
      for item in [KeyItem.dataKey, .peerKey("home")] { try store.remove(item) }
      #expect(!FileManager.default.fileExists(atPath: folders.credentialKeyFile.path))
      #expect(!FileManager.default.fileExists(atPath: folders.credentialFile(.keys).path))
    }
  }

  @Test("a service opens them with what systemd hands to it, and keeps new ones without asking systemd")
  func service() async {
    await #expect(processExitsWith: .success) {
      let folder = try TemporaryFolder()
      MachineKey.use(in: folder)
      let folders = HostFolders(home: folder.url)
      try folders.create()
      let store = SealedKeyStore.credential(folders: folders)
      try store.keep([1, 2, 3], as: .dataKey)
      store.forgetKey()
      // As systemd does it for LoadCredentialEncrypted=.
      let text = try #require(try PrivateFile.read(folders.credentialFile(.keys), limit: 9999))
      let secret = try SystemdCredentials().decrypt(text, name: "osaurus-keys")
      let directory = folder.url.appending(path: "credentials")
      try PrivateFile.makeFolder(directory)
      try PrivateFile.replace(
        directory.appending(path: "osaurus-keys"), with: secret.withUnsafeBytes { Array($0) })
      setenv("CREDENTIALS_DIRECTORY", directory.path, 1)
      setenv("SYSTEMD_CREDENTIAL_SECRET", "/nowhere", 1)
      #expect(try store.bytes(.dataKey) == [1, 2, 3])
      try store.keep([4], as: .modelKey("https://models.example/v1"))
      #expect(try store.bytes(.modelKey("https://models.example/v1")) == [4])

      store.forgetKey()
      try PrivateFile.replace(
        directory.appending(path: "osaurus-keys"), with: [UInt8](repeating: 7, count: 32))
      #expect(
        throws: KeyringError.notOpened(path: folders.credentialKeyFile.path, kind: .systemdCredential)
      ) { _ = try store.bytes(.dataKey) }
      try PrivateFile.replace(directory.appending(path: "osaurus-keys"), with: [1])
      #expect(isRefused { _ = try store.bytes(.dataKey) })
    }
  }
}

private func isRefused(_ body: () throws -> Void) -> Bool {
  do {
    try body()
    return false
  } catch KeyringError.credentialRefused(let reason) {
    return !reason.isEmpty
  } catch {
    return false
  }
}
