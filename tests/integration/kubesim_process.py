"""Starts kubesim for a test and asks it over TLS, as a client that checks certificates."""
import http.client
import json
import os
import re
import ssl
import subprocess
import tempfile
import base64


class Kubesim:
    """A running kubesim. Use it in a with statement."""

    folder_mode = 0o700

    def __init__(self, program, *options):
        self.folder = tempfile.TemporaryDirectory(prefix="kubesim-")
        os.chmod(self.folder.name, self.folder_mode)
        self.kubeconfig = os.path.join(self.folder.name, "kubeconfig")
        self.process = subprocess.Popen(
            [program, "--kubeconfig-out", self.kubeconfig, "--seed", "1", *options],
            stdout=subprocess.PIPE, text=True)
        said = self.process.stdout.readline()
        found = re.search(r"https?://([^:/]+):(\d+)", said)
        if not found:
            raise RuntimeError("kubesim said: %r" % said)
        self.host, self.port = found.group(1), int(found.group(2))
        with open(self.kubeconfig) as file:
            text = file.read()
        self.token = re.search(r'token: "(\w+)"', text).group(1)
        authority = re.search(r"certificate-authority-data: (\S+)", text).group(1)
        self.authority = base64.b64decode(authority)
        self.tls = ssl.create_default_context(cadata=self.authority.decode())

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.stop()

    def stop(self):
        """Ends it; returns its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        status = self.process.wait(timeout=20)
        self.process.stdout.close()
        self.folder.cleanup()
        return status

    def connection(self, timeout=10):
        return http.client.HTTPSConnection(self.host, self.port, context=self.tls, timeout=timeout)

    def open(self, method, path, body=None, token=None, timeout=10, headers=None):
        """Returns (connection, response) with the body unread."""
        connection = self.connection(timeout)
        head = {"Content-Type": "application/json"}
        if token != "":
            head["Authorization"] = "Bearer " + (token or self.token)
        head.update(headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        connection.request(method, path, body, head)
        return connection, connection.getresponse()

    def ask(self, method, path, body=None, **options):
        """Returns (status, JSON or text, headers)."""
        connection, response = self.open(method, path, body, **options)
        text = response.read().decode()
        connection.close()
        try:
            return response.status, json.loads(text), response.headers
        except ValueError:
            return response.status, text, response.headers

    def fault(self, **rule):
        status, answer, _ = self.ask("POST", "/sim/faults", rule)
        if status != 201:
            raise RuntimeError("%s: %s" % (rule, answer))


def pod(name, **labels):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels},
            "spec": {"restartPolicy": "Never",
                     "containers": [{"name": "main", "image": "busybox:1",
                                     "resources": {"requests": {"cpu": "100m", "memory": "64Mi"},
                                                   "limits": {"cpu": "100m", "memory": "64Mi"}}}]}}
