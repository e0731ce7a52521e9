/// Which variables may pass.
enum VariableRules {
  /// What the sandbox sets, and nobody else.
  static let core: Set<String> = [
    "PATH", "HOME", "SHELL", "USER", "LOGNAME", "TMPDIR", "PWD", "OLDPWD", "TERM", "OSAURUS_SANDBOX",
    "OSAURUS_PLUGIN",
    "VIRTUAL_ENV",
  ]

  private static let hookPrefixes = [
    "LD_", "DYLD_", "PYTHON", "PERL", "RUBY", "GIT_", "NODE_", "NPM_", "BASH_", "GEM_", "BUNDLE_", "LUA_",
    "JAVA_", "JDK_",
    "_JAVA", "MAVEN_", "GRADLE_", "PHP", "TCL", "R_PROFILE", "R_ENVIRON", "CARGO_", "RUST", "GOFLAGS",
    "GOPATH", "GOROOT", "GOENV", "GOPROXY", "GOTOOLCHAIN", "DOTNET_", "CORECLR_",
    "COMPLUS_", "MALLOC_", "GCONV_", "GLIBC_", "LIBC_", "SSH_", "GPG_", "DBUS_", "SUDO_", "KRB5", "OSAURUS_",
    "SYSTEMD_",
    "NOTIFY_", "LISTEN_", "XDG_", "WAYLAND_", "TMUX", "MAKE", "CMAKE_", "PKG_CONFIG", "OPENSSL_", "SSL_",
    "CURL_", "ERL_",
    "ELIXIR_", "JULIA_", "DOCKER_", "KUBE", "ASAN_", "LSAN_", "TSAN_", "UBSAN_", "GTK_", "QT_", "PIP_", "UV_",
    "CONDA_",
  ]
  private static let hooks: Set<String> = [
    "ENV", "IFS", "PS1", "PS2", "PS3", "PS4", "PROMPT_COMMAND", "SHELLOPTS", "BASHOPTS", "CDPATH",
    "GLOBIGNORE", "FPATH",
    "ZDOTDIR", "LOCPATH", "NLSPATH", "HOSTALIASES", "RES_OPTIONS", "LOCALDOMAIN", "TZDIR", "TERMINFO",
    "TERMINFO_DIRS",
    "TERMCAP", "LESSOPEN", "LESSCLOSE", "LESS", "PAGER", "MANPAGER", "EDITOR", "VISUAL", "BROWSER", "INPUTRC",
    "DISPLAY",
    "XAUTHORITY", "STY", "GETCONF_DIR", "RESOLV_HOST_CONF", "TMPPREFIX", "MAIL", "CC", "CXX", "CPP", "LD",
    "AR", "CLASSPATH",
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "FTP_PROXY",
  ]
  private static let secretWords = [
    "TOKEN", "SECRET", "PASSW", "PASSPHRASE", "APIKEY", "API_KEY", "ACCESS_KEY", "PRIVATE", "CREDENTIAL",
    "COOKIE", "SESSION",
    "MNEMONIC", "SIGNING", "BEARER", "CERT", "_PWD", "_AUTH", "AUTH_", "_PAT", "_DSN",
  ]

  static func isName(_ name: String) -> Bool {
    guard let first = name.utf8.first, name.utf8.count <= 128 else { return false }
    guard first != UInt8(ascii: "_") || name.utf8.count > 1, !(UInt8(ascii: "0")...UInt8(ascii: "9") ~= first)
    else {
      return false
    }
    return name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
        true
      default: false
      }
    }
  }

  /// Why nothing, be it a secret or not, may have this name.
  static func refusal(ofName name: String) -> VariableRefusal? {
    guard isName(name) else { return .malformedName }
    let upper = name.uppercased()
    if core.contains(upper) { return .reserved }
    return hooks.contains(upper) || hookPrefixes.contains { upper.hasPrefix($0) } ? .hook : nil
  }

  static func isSecret(name: String) -> Bool {
    let upper = name.uppercased()
    return upper == "AUTH" || upper == "KEY" || upper.hasSuffix("_KEY") || upper.hasSuffix("KEYS")
      || secretWords.contains { upper.contains($0) }
  }

  /// How keys begin that many services hand out.
  private static let keyBeginnings = [
    "sk-", "sk_", "pk_live", "rk_live", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-",
    "xoxb-", "xoxp-",
    "xoxa-", "xapp-", "AKIA", "ASIA", "AIza", "ya29.", "eyJ", "npm_", "pypi-", "hf_", "dop_v1_", "shpat_",
    "SG.", "Bearer ",
    "Basic ", "-----BEGIN", "AGE-SECRET-KEY-", "osk-", "ssh-rsa", "ssh-ed25519",
  ]

  static func looksLikeKey(_ value: String) -> Bool {
    if keyBeginnings.contains(where: { value.hasPrefix($0) || value.contains(" \($0)") }) { return true }
    if value.contains("-----BEGIN") { return true }
    // An address with a password in it.
    if let scheme = value.firstRange(of: "://") {
      let place = value[scheme.upperBound...].prefix { $0 != "/" && $0 != " " }
      if place.contains("@"), place.contains(":") { return true }
    }
    if value.split(separator: " ").count >= 12, value.utf8.allSatisfy({ $0 == 0x20 || 0x61...0x7a ~= $0 }) {
      return true
    }
    return value.utf8.split(whereSeparator: { !isKeyByte($0) }).contains { isRandom($0) }
  }

  private static func isKeyByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "_"), UInt8(ascii: "="):
      true
    default: false
    }
  }

  /// Long, and of digits and letters without an order.
  private static func isRandom(_ run: some Collection<UInt8>) -> Bool {
    guard run.count >= 32 else { return false }
    let digits = run.count { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
    return digits * 10 >= run.count && Set(run).count >= 10
  }
}
