/// The program between this host and the engine, in Python, since the engine is a Python extension.
///
/// It reads its settings, with the private key among them, as one line of standard input, and keeps standard input
/// open: the kernel closes the other end when the host ends, however it ends, and the launcher then kills the
/// engine. The engine in turn is killed by the kernel when the launcher ends. Neither can be left behind. A
/// thread would not do for that: the engine holds Python's lock while it loads a model.
///
/// It reports the port that the kernel chose as one line of standard output.
enum RuntimeLauncher {
  static let source = #"""
    """Runs a model server that cannot outlive the host. Written by osaurus-host; changes are overwritten."""

    import ctypes
    import json
    import os
    import resource
    import select
    import signal
    import socket
    import sys


    def read_settings():
        line = bytearray()
        while not line.endswith(b"\n"):
            byte = os.read(0, 1)
            if not byte:
                os._exit(0)
            line += byte
        return json.loads(line)


    def serve_with_extension(settings, report):
        sys.path.insert(0, settings["packages"])
        import xllamacpp

        p = xllamacpp.CommonParams()
        p.model.path = settings["model"]
        p.model_alias = {settings["alias"]}
        p.hostnames = ["127.0.0.1"]
        p.port = 0
        p.api_keys = [settings["key"]]
        p.n_ctx = settings["context"]
        p.n_parallel = 2
        p.kv_unified = True
        p.n_predict = settings["longest"]
        p.n_gpu_layers = 0
        p.cpuparams.n_threads = settings["threads"]
        p.cpuparams_batch.n_threads = settings["threads"]
        p.cache_ram_mib = 0
        p.ui = False
        p.endpoint_slots = False
        p.endpoint_props = False
        p.cors_origins = ""
        p.verbosity = 1
        server = xllamacpp.Server(p)
        report(int(server.listening_address.rsplit(":", 1)[1]))
        while True:
            signal.pause()


    def serve_with_program(settings, report):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        reader, writer = os.pipe()
        os.write(writer, settings["key"].encode() + b"\n")
        os.close(writer)
        os.set_inheritable(reader, True)
        report(port)
        os.execv(settings["program"], [
            settings["program"], "--model", settings["model"], "--alias", settings["alias"],
            "--host", "127.0.0.1", "--port", str(port), "--api-key-file", "/dev/fd/%d" % reader,
            "--ctx-size", str(settings["context"]), "--predict", str(settings["longest"]),
            "--threads", str(settings["threads"]), "--no-webui",
        ])


    def main():
        settings = read_settings()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        watcher = os.getpid()
        engine = os.fork()
        if engine == 0:
            ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
            if os.getppid() != watcher:
                os._exit(1)
            output = os.dup(1)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(2, 1)

            def report(port):
                os.write(output, b"port %d\n" % port)
                os.close(output)

            if settings["program"]:
                serve_with_program(settings, report)
            else:
                serve_with_extension(settings, report)
            os._exit(1)
        handle = os.pidfd_open(engine)
        poll = select.poll()
        poll.register(0, select.POLLIN)
        poll.register(handle, select.POLLIN)
        while True:
            for descriptor, _ in poll.poll():
                if descriptor == handle:
                    status = os.waitstatus_to_exitcode(os.waitpid(engine, 0)[1])
                    os._exit(status if status >= 0 else 128 - status)
                if not os.read(0, 4096):
                    poll.unregister(0)
                    os.kill(engine, signal.SIGKILL)


    main()

    """#
}

/// What the launcher is told, as one line of JSON.
struct RuntimeOrder: Encodable {
  /// The folder of the extension's package.
  var packages: String
  /// The path of a `llama-server` to run instead of the extension; empty for the extension.
  var program: String
  var model: String
  var alias: String
  var key: String
  var context: Int
  /// The most tokens of one answer.
  var longest: Int
  var threads: Int
}
