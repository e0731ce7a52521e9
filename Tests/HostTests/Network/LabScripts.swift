import Foundation

/// What machines of a lab run beside the programs, in Python: a file each, in a folder that is gone after the test.
final class LabScripts: Sendable {
  private let folder = TemporaryHome()

  init() throws {
    for (name, text) in [("model", Self.model), ("memory", Self.memory)] {
      try Data(text.utf8).write(to: URL(filePath: path(name + ".py")))
    }
  }

  /// The command that runs one.
  func callAsFunction(_ name: String, _ arguments: String...) -> String {
    (["/usr/bin/env", "python3", path(name + ".py")] + arguments).joined(separator: " ")
  }

  /// A file for what is found out.
  func path(_ name: String) -> String { folder.path + "/" + name }

  /// What the model of ``model`` answers, whatever it is asked.
  static let answer = ["heather", "and", "thyme", "above", "the", "quarry"]

  /// `PORT`: a model server that says its one answer, and writes down what it was asked.
  private static let model = """
    import http.server, json, sys
    class Model(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.say("application/json", [json.dumps({"object": "list", "data": [{"id": "one", "object": "model"}]})])
        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            print(json.dumps(asked), flush=True)
            words = [word + " " for word in "\(answer.joined(separator: " "))".split()]
            chunks = [{"delta": {"content": word}, "index": 0} for word in words]
            chunks.append({"delta": {}, "index": 0, "finish_reason": "stop"})
            lines = [json.dumps({"id": "a", "object": "chat.completion.chunk", "model": "one", "choices": [chunk]})
                for chunk in chunks]
            self.say("text/event-stream", [f"data: {line}\\n\\n" for line in lines + ["[DONE]"]])
        def say(self, kind, pieces):
            self.send_response(200)
            self.send_header("content-type", kind)
            self.end_headers()
            for piece in pieces:
                self.wfile.write(piece.encode())
    print("ready", flush=True)
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Model).serve_forever()
    """

  /// `PROCESS FILE`: copies what a process has written into its memory.
  private static let memory = """
    import sys
    empty, page = bytes(4096), 4096
    with open(f"/proc/{sys.argv[1]}/maps") as maps, open(f"/proc/{sys.argv[1]}/mem", "rb", 0) as memory, \\
            open(sys.argv[2], "wb") as copy:
        for line in maps:
            place, rights = line.split()[:2]
            if not rights.startswith("rw"):
                continue
            start, end = (int(number, 16) for number in place.split("-"))
            try:
                memory.seek(start)
                for _ in range(start, end, page):
                    piece = memory.read(page)
                    if piece != empty:
                        copy.write(piece)
            except OSError:
                pass
    """
}
