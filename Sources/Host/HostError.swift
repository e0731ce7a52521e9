public import Identity

/// What can go wrong in `Host`, each with what a person can do about it.
public enum HostError: Error, Hashable, CustomStringConvertible {
  /// No host was made in this folder.
  case notInitialised
  /// There is a host already.
  case alreadyInitialised(settings: String)
  /// The making of a host was interrupted.
  case unfinishedInitialisation
  /// The making of a host was interrupted, and its keys are to rest elsewhere than is asked for now.
  case unfinishedElsewhere(keyStore: String)
  /// Another process is making a host in this folder.
  case initialisationRunning
  /// Keys or databases without settings: what is left of a host.
  case leftovers(path: String)
  /// `host.json` cannot be read as what it is.
  case malformedSettings(path: String, reason: String)
  /// A setting has a value that makes no sense.
  case invalidSetting(name: String, reason: String)
  /// A place for keys gives back something else than what was put there.
  case keyStoreForgets(String)
  /// The keys are not where the settings say that they are.
  case keysMissing(keyStore: String)
  /// The host has begun to change its identity, and the new one is not in its key store any more.
  case identityChangeUnfinished(to: Address)
  /// The identity was changed while the service was starting.
  case identityChanged
  /// The data key is being replaced.
  case rotationRunning
  /// The data key was to be replaced while other commands have open what is stored.
  case othersAtWork
  /// The data key was not replaced.
  case rotationFailed(reason: String)
  /// The owner ended the replacing of the data key.
  case rotationCancelled
  /// The data key is as good as replaced.
  case rotationUnfinished(reason: String)
  /// The file system has no place for a second copy.
  case noSpace(needed: Int, free: Int)
  /// No slot holds the data key for the 24 words.
  case noPhraseSlot
  /// The words are those of another identity than the one of this host.
  case otherIdentity(here: Address, given: Address)
  /// No slot holds the data key for a machine.
  case noCredentialSlot
  /// The passphrase opens no slot.
  case wrongPassphrase
  /// The key store holds another data key than the slot, and there is no data that would say which one is right.
  case otherDataKey(keyStore: String)
  /// The file with the model server's key is not there.
  case modelKeyMissing(path: String)
  /// Agents' commands run only while the service does.
  case sandboxesClosed
  /// A request that no HTTP could carry.
  case invalidRequest
  /// Another process listens on the TCP address.
  case addressInUse(String)
  /// The TCP address cannot be listened on.
  case addressUnusable(String, reason: String)
  /// A service runs on the same data.
  case dataInUse(folder: String)
  /// A database was to be moved aside in which nothing is wrong.
  case notBroken(database: String)
  /// A database was to be moved aside that is not there.
  case nothingToMove(database: String)
  /// Another process is exporting.
  case exportRunning
  /// Another process is importing.
  case importRunning
  /// The host holds something already, so nothing is imported.
  case notFresh(what: String)
  /// What is to be imported is of another identity.
  case exportOfOther(here: Address, there: String)
  /// A service of this host listens on the control socket.
  case alreadyRunning(socket: String)
  /// The control socket's folder can be entered by others.
  case folderNotPrivate(String)
  /// The control socket's path does not fit into a socket address.
  case socketPathTooLong(String)
  /// The control socket cannot be made.
  case socketUnusable(String, reason: String)

  public var description: String {
    switch self {
    case .notInitialised: "There is no identity here yet; run 'osaurus-host init'."
    case .alreadyInitialised(let settings):
      "There is an identity here already (\(settings)); nothing was changed. Another OSAURUS_HOME can hold another one."
    case .unfinishedInitialisation:
      "The making of this host was interrupted; run 'osaurus-host init' again to finish it."
    case .unfinishedElsewhere(let keyStore):
      "The making of this host was interrupted; finish it with 'osaurus-host init --keystore \(keyStore)'."
    case .initialisationRunning:
      "Another 'osaurus-host init' is at work here; wait until it has ended. Nothing was changed."
    case .leftovers(let path):
      """
      There is no host.json, but \(path) is left of a host; put its host.json back, or choose another OSAURUS_HOME \
      for a new host. Nothing was changed.
      """
    case .malformedSettings(let path, let reason):
      "\(path) cannot be used: \(reason). Mend it by hand; nothing was changed."
    case .invalidSetting(let name, let reason):
      "The setting '\(name)' cannot be used: \(reason)."
    case .keyStoreForgets(let kind):
      "The key store '\(kind)' did not give back what was put there; choose another one with '--keystore'."
    case .keysMissing(let kind):
      """
      The keys of this host are not in its key store ('\(kind)'); unlock the keyring that they were put into, or \
      bring them back from the 24 words with 'osaurus-host recover' (from a passphrase, the data key alone: \
      'osaurus-host storage slots restore passphrase'). Nothing was changed.
      """
    case .identityChangeUnfinished(let address):
      """
      This host was changing to the identity \(address), which is not in its key store any more; bring it back from its \
      24 words with 'osaurus-host recover'.
      """
    case .identityChanged:
      "The identity of this host was changed while the service was starting; start it again."
    case .rotationRunning:
      "The data key of this host is being replaced; 'osaurus-host status' says how far it is. Try again then."
    case .othersAtWork:
      "Another osaurus-host command has open what is stored; try again when it has ended. Nothing was changed."
    case .rotationFailed(let reason):
      "The data key was not replaced, and everything is as it was: \(reason)"
    case .rotationCancelled: "The data key was not replaced, and everything is as it was."
    case .rotationUnfinished(let reason):
      """
      The new data key is good, and what is left could not be done now (\(reason)). The next start does it: restart \
      the service, or run 'osaurus-host storage rotate-key' again.
      """
    case .noSpace(let needed, let free):
      """
      Replacing the data key takes \(needed >> 20) MiB beside what is stored, and \(free >> 20) MiB are free; make room \
      and try again. Nothing was changed.
      """
    case .noPhraseSlot:
      """
      The 24 words do not open what this host stored: it has no key slot for them. Bring its key store back, or use \
      a passphrase if one was set ('osaurus-host storage slots list').
      """
    case .otherIdentity(let here, let given):
      """
      These words belong to another identity (\(given)) than this host's (\(here)); nothing was changed. Use the \
      words of this one, or another OSAURUS_HOME for that one.
      """
    case .noCredentialSlot:
      "No key slot opens with a systemd credential; nothing was changed. See 'osaurus-host storage slots list'."
    case .wrongPassphrase:
      "This passphrase opens no key slot; nothing was changed. Try again, it counts to the letter."
    case .otherDataKey(let keyStore):
      """
      The key store ('\(keyStore)') holds another data key than the key slot, and there is no database that would \
      tell which one is right; nothing was changed. Restore the data folder first.
      """
    case .modelKeyMissing(let path):
      "There is no \(path) to read the model server's key from; make it, or unset OSAURUS_MODEL_KEY_FILE."
    case .sandboxesClosed:
      "Agents' commands run only while the service does; start it with 'osaurus-host serve'."
    case .invalidRequest: "The request is not one that HTTP can carry."
    case .addressInUse(let address):
      "Another program listens on \(address); stop it, or choose another port with '--port'."
    case .addressUnusable(let address, let reason):
      """
      Cannot listen on \(address) (\(reason)); choose an address of this machine with '--bind' and a port with \
      '--port'.
      """
    case .dataInUse(let folder):
      """
      A service is running already on the data in \(folder); see 'osaurus-host status', or stop it before you \
      start another one.
      """
    case .notBroken(let database):
      "Nothing is wrong with \(database); it was left where it is."
    case .nothingToMove(let database):
      "There is no \(database); see 'osaurus-host storage status'."
    case .exportRunning: "Another 'osaurus-host storage export' is at work here; wait until it has ended."
    case .importRunning: "Another 'osaurus-host storage import' is at work here; wait until it has ended."
    case .notFresh(let what):
      """
      This host holds something already (\(what)); nothing was imported, and nothing was changed. Import into a new \
      one: choose another OSAURUS_HOME, run 'osaurus-host recover' there, then import.
      """
    case .exportOfOther(let here, let there):
      """
      The export is of another identity (\(there)) than this host's (\(here)); nothing was changed. Its agents and keys \
      belong to that identity: run 'osaurus-host recover' with its 24 words in a new OSAURUS_HOME, and import there. \
      'osaurus-host identity reset' gives that host a new identity afterwards, if you want one.
      """
    case .alreadyRunning(let socket):
      "The service is running already (it holds \(socket)); see 'osaurus-host status'."
    case .folderNotPrivate(let folder):
      "The folder \(folder) is open to other users; run 'chmod 700 \(folder)' as its owner."
    case .socketPathTooLong(let path):
      "The control socket's path is too long (\(path)); set OSAURUS_HOME or XDG_RUNTIME_DIR to a shorter one."
    case .socketUnusable(let path, let reason):
      "Cannot make the control socket \(path) (\(reason)); move aside what is there, or check the folder."
    }
  }
}
