import Foundation
import Testing

@testable import Sandbox

/// A command and the permissions that it needs.
struct JudgedText: CustomTestStringConvertible, Sendable {
  let text: String
  let needs: Set<Permission>
  var testDescription: String { text.debugDescription }

  init(_ text: String, _ needs: Permission...) {
    self.text = text
    self.needs = Set(needs)
  }
}

extension Ground {
  /// The programs of this build, of which the tests' own is one.
  var judge: CommandJudge {
    CommandJudge(
      profile: profile, parser: ShellParser(folder: folder.appending(path: "sandbox"), programs: nil))
  }

  func needs(_ text: String) async throws -> [PermissionNeed] {
    try await judge.needs(of: CommandDraft(.shell(text)))
  }

  /// The needs of many texts, read side by side.
  func needs(_ texts: [String]) async throws -> [[PermissionNeed]] {
    var found: [[PermissionNeed]] = []
    for text in texts { found.append(try await needs(text)) }
    return found
  }
}

@Suite("The judge of commands")
struct CommandJudgeTests {
  static let harmless = [
    "ls -la | grep x > out.txt", "cat a b && wc -l < a", "cd src; make -j4 test",
    "for f in *.c; do cc -c $f; done",
    "git status && git diff HEAD~1 -- a.c", "git -C sub log", "if [ -f x ]; then echo yes; fi",
    "echo rm -rf /",
    "echo 'curl x | sh'", "grep -r 'sudo' .", "python3 script.py -c x", "node build.js", "perl tool.pl",
    "awk '{print $1}' file", "sed -n 5p file", "find . -name '*.o'", "find . -exec grep -l x {} +",
    "xargs grep x < list", "env A=b make", "timeout 5 make", "nice -n 5 make", "bash build.sh",
    "sh -c 'ls; pwd'",
    "cat <<'E'\nrm x\n$(curl)\nE", "npm run build", "npm test", "cargo build", "go test ./...", "pip list",
    "tar xf a.tar", "command -v curl", "a=1 b=2 ./configure", "export CC=gcc", "x=$((1+2)); echo \"$x\"",
    "git commit -m 'rm -rf'", "git checkout -b new", "git restore --staged a", "echo ${x:-y}", "[ a = b ]",
    "case $1 in a) ls;; esac", "f() { ls; }; f", "{ ls; } 2>&1", "time ls", "! ls", "echo a{b,c}",
    "nohup make &",
  ]

  @Test("what works on files with ordinary programs needs nothing")
  func ordinary() async throws {
    let ground = try Ground()
    for (text, needs) in zip(Self.harmless, try await ground.needs(Self.harmless)) {
      #expect(needs == [], "\(text)")
    }
  }

  static let table: [JudgedText] = [
    // Destruction, and how it may be written.
    JudgedText("rm -rf x", .destructiveCommand), JudgedText("r\\m x", .destructiveCommand),
    JudgedText("\"rm\" x", .destructiveCommand), JudgedText("r''m x", .destructiveCommand),
    JudgedText("$'r\\x6d' x", .destructiveCommand), JudgedText("/bin/rm x", .destructiveCommand),
    JudgedText("/usr/bin/../bin/rm x", .destructiveCommand), JudgedText("ls; rm x", .destructiveCommand),
    JudgedText("ls && (cd a; { rm x; })", .destructiveCommand),
    JudgedText("f() { rm x; }; f", .destructiveCommand),
    JudgedText("if ls; then :; else rm x; fi", .destructiveCommand),
    JudgedText("A=b rm x", .destructiveCommand),
    JudgedText("while :; do rm x; done", .destructiveCommand),
    JudgedText("case a in a) rm x;; esac", .destructiveCommand),
    JudgedText("env A=b rm x", .destructiveCommand), JudgedText("env -u A -C /tmp rm x", .destructiveCommand),
    JudgedText("env -S 'rm x'", .destructiveCommand),
    JudgedText("nohup nice -n 5 timeout -k 1 5 rm x", .destructiveCommand),
    JudgedText("ls | xargs -n 1 rm", .destructiveCommand),
    JudgedText("find . -exec rm {} +", .destructiveCommand),
    JudgedText("find . -delete", .destructiveCommand),
    JudgedText("find . -ok ls {} \\; -exec rm {} \\;", .destructiveCommand),
    JudgedText("sh -c 'rm x'", .destructiveCommand),
    JudgedText("bash -euo pipefail -c 'ls | xargs rm'", .destructiveCommand),
    JudgedText("bash -lc \"sh -c 'rm x'\"", .destructiveCommand),
    JudgedText("eval rm x", .destructiveCommand),
    JudgedText("eval 'r' 'm x; rm y'", .destructiveCommand),
    JudgedText("trap 'rm x' EXIT", .destructiveCommand),
    JudgedText("alias l=rm; l x", .destructiveCommand), JudgedText("exec rm x", .destructiveCommand),
    JudgedText("command rm x", .destructiveCommand),
    JudgedText("builtin command -p rm x", .destructiveCommand),
    JudgedText("busybox rm x", .destructiveCommand), JudgedText("dd if=a of=b", .destructiveCommand),
    JudgedText("mkfs.ext4 img", .destructiveCommand), JudgedText("shred x", .destructiveCommand),
    JudgedText("truncate -s 0 x", .destructiveCommand), JudgedText("coproc rm x", .destructiveCommand),
    JudgedText("time -p rm x", .destructiveCommand),
    JudgedText("echo \"${a:-$(rm x)}\"", .destructiveCommand, .shellExpansion),
    JudgedText("[[ -n $(rm x) ]]", .destructiveCommand, .shellExpansion),
    JudgedText("echo $((1 + $(rm x)))", .destructiveCommand, .shellExpansion),
    JudgedText("cat <<E\n$(rm x)\nE", .destructiveCommand, .shellExpansion),
    JudgedText("a=$(rm x)", .destructiveCommand, .shellExpansion),
    JudgedText("export a=`rm x`", .destructiveCommand, .shellExpansion),
    JudgedText("ls > \"$(rm x)\"", .destructiveCommand, .shellExpansion),
    JudgedText("for a in $(rm x); do :; done", .destructiveCommand, .shellExpansion),
    // Git.
    JudgedText("git clean -fd", .destructiveCommand), JudgedText("git reset --hard", .destructiveCommand),
    JudgedText("git -C a -c b.c=d checkout -- .", .destructiveCommand),
    JudgedText("git restore a", .destructiveCommand),
    JudgedText("git branch -D a", .destructiveCommand), JudgedText("git stash drop", .destructiveCommand),
    JudgedText("git push --force origin a", .destructiveCommand, .network),
    JudgedText("git push origin a", .network),
    JudgedText("git push origin +a", .destructiveCommand, .network), JudgedText("git clone x", .network),
    JudgedText("git pull", .network), JudgedText("git submodule update", .network),
    JudgedText("git -c core.pager='rm x' log", .inlineScript),
    JudgedText("git -c alias.a='!rm x' a", .inlineScript),
    JudgedText("git bisect run make", .inlineScript), JudgedText("git rebase -x make a", .inlineScript),
    JudgedText("git $x", .shellExpansion, .destructiveCommand),
    // The network.
    JudgedText("curl x", .network), JudgedText("/usr/bin/wget x", .network), JudgedText("ssh a b", .network),
    JudgedText("pip3 install a", .network), JudgedText("python3 -m pip install a", .network),
    JudgedText("npm ci", .network), JudgedText("npx a", .network), JudgedText("yarn", .network),
    JudgedText("cargo install a", .network), JudgedText("go get a", .network),
    JudgedText("apt-get install a", .network),
    JudgedText("echo a > /dev/tcp/a/80", .network), JudgedText("exec 3<>/dev/tcp/a/80", .network),
    JudgedText("rsync a b:c", .network), JudgedText("rsync --delete a b", .destructiveCommand),
    JudgedText("python -m http.server", .network),
    JudgedText("docker pull a", .network, .privilegedExecutable),
    // What is known only when it runs.
    JudgedText("$x", .shellExpansion, .destructiveCommand),
    JudgedText("\"$x\" y", .shellExpansion, .destructiveCommand),
    JudgedText("$(echo rm) x", .shellExpansion, .destructiveCommand),
    JudgedText("`echo rm` x", .shellExpansion, .destructiveCommand),
    JudgedText("r${x}m y", .shellExpansion, .destructiveCommand),
    JudgedText("/bin/r? x", .shellExpansion, .destructiveCommand),
    JudgedText("{rm,x}", .shellExpansion, .destructiveCommand),
    JudgedText("env $x", .shellExpansion, .destructiveCommand),
    JudgedText("sh -c \"$x\"", .shellExpansion, .destructiveCommand),
    JudgedText("eval \"$x\"", .shellExpansion, .destructiveCommand),
    JudgedText("xargs -I{} sh -c 'ls {}'", .shellExpansion, .destructiveCommand),
    JudgedText("xargs -I@ @", .shellExpansion, .destructiveCommand),
    JudgedText("find . -exec {} \\;", .shellExpansion, .destructiveCommand),
    JudgedText("find . -exec sh -c 'ls {}' \\;", .shellExpansion, .destructiveCommand),
    JudgedText("xargs sh -c", .shellExpansion, .destructiveCommand),
    JudgedText(". \"$x\"", .shellExpansion, .destructiveCommand),
    JudgedText("sh -c '\"$@\"' a rm b", .shellExpansion, .destructiveCommand),
    JudgedText("sh -c 'if'", .shellExpansion, .destructiveCommand),
    JudgedText("bash $x", .shellExpansion, .destructiveCommand),
    JudgedText("ls $(pwd)", .shellExpansion), JudgedText("diff <(ls a) <(ls b)", .shellExpansion),
    JudgedText("ls | tee >(wc)", .shellExpansion), JudgedText("PATH=. ls", .shellExpansion),
    JudgedText("export PATH=a:$PATH", .shellExpansion), JudgedText("hash -p /bin/rm ls", .shellExpansion),
    // Scripts in the command.
    JudgedText("python3 -c 'x'", .inlineScript), JudgedText("python3.11 -Ic 'x'", .inlineScript),
    JudgedText("python -W ignore -c x", .inlineScript),
    JudgedText("node -e x", .inlineScript), JudgedText("node --eval=x", .inlineScript),
    JudgedText("perl -ne x f", .inlineScript),
    JudgedText("perl -i.bak -pe x f", .inlineScript), JudgedText("ruby -e x", .inlineScript),
    JudgedText("php -r x", .inlineScript),
    JudgedText("python <<'E'\nx\nE", .inlineScript), JudgedText("python - <<< x", .inlineScript),
    JudgedText("python < a.py", .inlineScript), JudgedText("cat a | python", .inlineScript),
    JudgedText("curl x | sh", .network, .inlineScript),
    JudgedText("curl x | sudo bash -s", .network, .inlineScript, .privilegedExecutable),
    JudgedText("bash <(curl x)", .network, .inlineScript, .shellExpansion),
    JudgedText("ls | (cd a; bash)", .inlineScript),
    JudgedText("cat a | while read b; do sh; done", .inlineScript),
    JudgedText("bash <<'E'\nrm x\nE", .inlineScript, .destructiveCommand),
    JudgedText("bash -s <<E\nls $x\nE", .inlineScript),
    JudgedText("source /dev/stdin <<< 'rm x'", .inlineScript, .destructiveCommand),
    JudgedText("awk 'BEGIN { system(\"rm x\") }'", .inlineScript),
    JudgedText("LD_PRELOAD=./a ls", .inlineScript),
    JudgedText("env BASH_ENV=a bash b", .inlineScript), JudgedText("tar xf a --to-command=b", .inlineScript),
    JudgedText("rg --pre=./a b", .inlineScript), JudgedText("make --eval=x", .inlineScript),
    // Privileges.
    JudgedText("sudo ls", .privilegedExecutable),
    JudgedText("sudo -u a rm x", .privilegedExecutable, .destructiveCommand),
    JudgedText("su -c 'rm x'", .privilegedExecutable, .destructiveCommand),
    JudgedText("mount a b", .privilegedExecutable),
    JudgedText("systemctl stop a", .privilegedExecutable),
    JudgedText("env chroot / rm x", .privilegedExecutable, .destructiveCommand),
  ]

  @Test(
    "every command of the table needs exactly what is written there, with evidence that is in the command")
  func all() async throws {
    let ground = try Ground()
    for judged in Self.table {
      let needs = try await ground.needs(judged.text)
      #expect(Set(needs.map(\.permission)) == judged.needs, "\(judged.text)")
      for evidence in needs.flatMap(\.evidence) {
        let offset = try #require(evidence.offset, "\(judged.text)")
        #expect(offset >= 0 && offset <= judged.text.utf8.count && !evidence.reason.isEmpty)
        let written = String(decoding: Array(judged.text.utf8).dropFirst(offset), as: UTF8.self)
        // Of a text within the text the place is that of the outer one.
        #expect(
          written.hasPrefix(evidence.text) || judged.text.contains(evidence.text),
          "\(judged.text): \(evidence)")
      }
    }
  }

  @Test("the evidence is the word itself, where it begins, and why")
  func evidence() async throws {
    let ground = try Ground()
    let needs = try await ground.needs("ls &&  rm -rf x")
    #expect(
      needs == [
        PermissionNeed(
          .destructiveCommand, [Evidence("rm", offset: 7, reason: "'rm' removes or overwrites for good")])
      ])
    let words = try await ground.judge.needs(of: CommandDraft(.words(["env", "rm", "$(x)"])))
    #expect(words.map(\.permission) == [.destructiveCommand])
    #expect(words.first?.evidence.first?.word == 1)
  }

  @Test("no shell reads a list of words, unless the first one names a shell")
  func words() async throws {
    let ground = try Ground()
    let judge = ground.judge
    #expect(try await judge.needs(of: CommandDraft(.words(["echo", "$(rm x)", "`rm`"]))) == [])
    let named = try await judge.needs(of: CommandDraft(.words(["sh", "-c", "$(rm x)"])))
    #expect(Set(named.map(\.permission)) == [.shellExpansion, .destructiveCommand])
    withExtendedLifetime(ground) {}
  }

  @Test("long times, ways to the network and variables that look like secrets are needs of their own")
  func circumstances() async throws {
    let ground = try Ground()
    let judge = ground.judge
    var draft = CommandDraft(.shell("ls"))
    draft.isLong = true
    draft.wantsNetwork = true
    draft.variables = ["API_TOKEN": "x", "PLAIN": "y", "OTHER": "ghp_0123456789abcdef"]
    let needs = try await judge.needs(of: draft)
    #expect(needs.map(\.permission) == [.network, .longTimeout, .sensitiveEnvironment])
    #expect(Set(needs[2].evidence.map(\.text)) == ["API_TOKEN", "OTHER"])
    #expect(!"\(needs)".contains("ghp_"))
    withExtendedLifetime(ground) {}
  }
}
