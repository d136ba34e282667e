"""Receivers of notifications for tests: a web server and a mail server that can be told to fail."""
import base64
import email
import hashlib
import hmac
import http.server
import json
import os
import socketserver
import ssl
import subprocess
import threading


def make_certificate(folder, name="127.0.0.1"):
    """A certificate that vouches for itself; returns (certificate, key)."""
    cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=" + name,
                    "-addext", "subjectAltName=IP:" + name, "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    return cert, key


def tls_of(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


class Server:
    """Its port stays the same when it is started again."""

    def __init__(self, certificate=None):
        self.certificate = certificate
        self.port = 0
        self.got = []
        self.server = None

    def listen(self, handler):
        class Listener(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self.server = Listener(("127.0.0.1", self.port), handler)
        self.port = self.server.server_address[1]
        if self.certificate is not None:
            self.server.socket = tls_of(self.certificate).wrap_socket(
                self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self):
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *unused):
        self.stop()


class Web(Server):
    """Answers with `status`; waits first while `hold` is cleared."""

    def __init__(self, certificate=None, status=200):
        super().__init__(certificate)
        self.status = status
        self.hold = threading.Event()
        self.hold.set()

    def url(self):
        return "http%s://127.0.0.1:%d/hook" % ("" if self.certificate is None else "s", self.port)

    def start(self):
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):  # pylint: disable=invalid-name
                body = self.rfile.read(int(self.headers["Content-Length"]))
                web.got.append((dict(self.headers), body))
                web.hold.wait()
                self.send_response(web.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_args):
                pass

        return self.listen(Handler)

    def messages(self):
        return [json.loads(body) for _, body in self.got]

    def events(self):
        return [message["event"] for message in self.messages()]


def check_signature(headers, body, secret):
    """As docs/manual/notifications.md tells receivers to."""
    signed = b"%s.%s." % (headers["X-Nightshift-Timestamp"].encode(),
                          headers["X-Nightshift-Id"].encode()) + body
    want = "sha256=" + hmac.new(secret, signed, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(headers["X-Nightshift-Signature"], want):
        raise AssertionError("signed with %s, not %s" % (headers["X-Nightshift-Signature"], want))


class Mail(Server):
    """A little of SMTP: AUTH PLAIN, one refusal if `refuse` is set. Messages as email.message."""

    def __init__(self, certificate=None, starttls=None, login=None):
        super().__init__(certificate)
        self.starttls = starttls
        self.login = login
        self.refuse = None
        self.senders = []

    def url(self):
        return "smtp%s://127.0.0.1:%d" % ("" if self.certificate is None else "s", self.port)

    def start(self):
        mail = self

        class Handler(socketserver.StreamRequestHandler):
            def say(self, text):
                self.wfile.write(text.encode() + b"\r\n")
                self.wfile.flush()

            def greet(self):
                words = ["nightshift-test"]
                if mail.starttls is not None and not isinstance(self.connection, ssl.SSLSocket):
                    words.append("STARTTLS")
                if mail.login is not None:
                    words.append("AUTH PLAIN")
                for word in words[:-1]:
                    self.say("250-" + word)
                self.say("250 " + words[-1])

            def handle(self):
                self.secure = mail.certificate is not None
                self.say("220 test")
                to = []
                sender = None
                trusted = mail.login is None
                for line in self.lines():
                    word = line.upper()
                    if word.startswith("EHLO"):
                        self.greet()
                    elif word.startswith("STARTTLS"):
                        self.say("220 go")
                        self.upgrade()
                    elif word.startswith("AUTH PLAIN"):
                        text = line.split()[2] if len(line.split()) > 2 else self.ask("334 ")
                        trusted = base64.b64decode(text).split(b"\0")[1:] == \
                            [part.encode() for part in mail.login]
                        self.say("235 ok" if trusted else "535 wrong")
                    elif word.startswith("MAIL FROM"):
                        sender = line
                        self.say("250 ok" if trusted else "530 log in first")
                    elif word.startswith("RCPT TO"):
                        to.append(line[line.index("<") + 1:line.index(">")])
                        self.say(mail.refuse or "250 ok")
                    elif word == "DATA":
                        self.say("354 go on")
                        text = self.take_data()
                        mail.got.append((to, self.secure, email.message_from_bytes(text)))
                        mail.senders.append(sender)
                        to = []
                        self.say("250 taken")
                    elif word == "QUIT":
                        self.say("221 bye")
                        return
                    else:
                        self.say("250 ok")

            def ask(self, text):
                self.say(text)
                return self.rfile.readline().decode().strip()

            def lines(self):
                while True:
                    line = self.rfile.readline()
                    if not line:
                        return
                    yield line.decode().rstrip("\r\n")

            def upgrade(self):
                self.connection = tls_of(mail.starttls).wrap_socket(self.connection,
                                                                    server_side=True)
                self.rfile = self.connection.makefile("rb")
                self.wfile = self.connection.makefile("wb")
                self.secure = True

            def take_data(self):
                text = b""
                while True:
                    line = self.rfile.readline()
                    if line in (b".\r\n", b""):
                        return text
                    text += line[1:] if line.startswith(b"..") else line

        return self.listen(Handler)
