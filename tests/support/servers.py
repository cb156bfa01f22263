"""Third-party servers, for clients under test.

Each one serves the files of a `Site` and echoes the content of a `POST /echo` (nginx, Apache httpd
and h2o forward it to a small HTTP/1.1 server), over TLS or, with prior knowledge, in cleartext.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

from support.clients import PROGRAMS, Target
from support.peers import require_program
from support.processes import free_port, listening, require_module, serving
from support.site import Site

if TYPE_CHECKING:
    from examples.common.certificate import Certificate

Start = Callable[[Site, "Certificate | None"], AbstractContextManager[Target]]


def _target(port: int, certificate: Certificate | None) -> Target:
    if certificate is None:
        return Target(f"http://localhost:{port}")
    return Target(f"https://localhost:{port}", certificate.authority)


class _Echo(BaseHTTPRequestHandler):
    """Echoes the content of a request; the backend of the servers below."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        length = self.headers["content-length"]
        body = self.rfile.read(int(length)) if length else b"".join(self._chunks())
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@contextmanager
def _echo_backend() -> Iterator[int]:
    """Run an HTTP/1.1 server in this process and yield its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def nghttpd(site: Site, certificate: Certificate | None, *options: str) -> Iterator[Target]:
    """The server of nghttp2; it echoes the content of any POST."""
    port = free_port()
    command = [require_program("nghttpd"), f"--htdocs={site.folder}", "--echo-upload", *options]
    if certificate is None:
        command += ["--no-tls", str(port)]
    else:
        command += [str(port), str(certificate.key), str(certificate.chain)]
    with listening(command, port):
        yield _target(port, certificate)


NGINX = """
daemon off;
master_process on;
worker_processes 1;
{user}
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    default_type application/octet-stream;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 0;
    {extra}
    server {{
        listen 127.0.0.1:{port} {listen};
        {tls}
        root {root};
        location = /echo {{
            proxy_pass http://127.0.0.1:{backend};
        }}
    }}
}}
"""


@contextmanager
def nginx(site: Site, certificate: Certificate | None, extra: str = "") -> Iterator[Target]:
    """nginx; `extra` goes into its `http` block."""
    program, port = require_program("nginx"), free_port()
    with tempfile.TemporaryDirectory() as folder, _echo_backend() as backend:
        tls = ""
        if certificate:
            tls = f"ssl_certificate {certificate.chain}; ssl_certificate_key {certificate.key};"
        text = NGINX.format(
            folder=folder,
            user="user root;" if os.getuid() == 0 else "",
            port=port,
            listen="ssl http2" if certificate else "http2",
            tls=tls,
            root=site.folder,
            backend=backend,
            extra=extra,
        )
        config = Path(folder, "nginx.conf")
        config.write_text(text)
        with listening([program, "-c", config, "-e", "stderr"], port):
            yield _target(port, certificate)


APACHE = """
ServerRoot {folder}
ServerName localhost
PidFile {folder}/pid
ErrorLog {folder}/error.log
Listen 127.0.0.1:{port}
{modules}
User {user}
Protocols {protocols}
H2Direct on
DocumentRoot {root}
<Directory {root}>
    Require all granted
</Directory>
ProxyPass /echo http://127.0.0.1:{backend}/echo
{tls}
"""
APACHE_MODULES = ["mpm_event", "authz_core", "http2", "ssl", "proxy", "proxy_http"]


@contextmanager
def apache(site: Site, certificate: Certificate | None) -> Iterator[Target]:
    """Apache httpd; in cleartext it also takes `Upgrade: h2c`."""
    program, port = require_program("apache2"), free_port()
    with tempfile.TemporaryDirectory() as folder, _echo_backend() as backend:
        Path(folder).chmod(0o755)
        tls = ""
        if certificate:
            files = (certificate.chain, certificate.key)
            tls = "SSLEngine on\nSSLCertificateFile {}\nSSLCertificateKeyFile {}".format(*files)
        modules = (
            f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so"
            for name in APACHE_MODULES
        )
        text = APACHE.format(
            folder=folder,
            port=port,
            modules="\n".join(modules),
            user="www-data" if os.getuid() == 0 else f"#{os.getuid()}",
            protocols="h2 http/1.1" if certificate else "h2c http/1.1",
            root=site.folder,
            backend=backend,
            tls=tls,
        )
        config = Path(folder, "httpd.conf")
        config.write_text(text)
        with listening([program, "-D", "FOREGROUND", "-f", config], port):
            yield _target(port, certificate)


H2O = """
{user}
pid-file: {folder}/pid
error-log: /dev/stderr
temp-buffer-path: {folder}
hosts:
  "localhost:{port}":
    listen:
      host: 127.0.0.1
      port: {port}
{tls}
    paths:
      "/echo":
        proxy.reverse.url: "http://127.0.0.1:{backend}/echo"
      "/":
        file.dir: {root}
"""


@contextmanager
def h2o(site: Site, certificate: Certificate | None) -> Iterator[Target]:
    """h2o; in cleartext it also takes `Upgrade: h2c`."""
    program, port = require_program("h2o"), free_port()
    with tempfile.TemporaryDirectory() as folder, _echo_backend() as backend:
        tls = ""
        if certificate:
            tls = (
                f"      ssl:\n        certificate-file: {certificate.chain}\n"
                f"        key-file: {certificate.key}"
            )
        text = H2O.format(
            folder=folder,
            user="user: root" if os.getuid() == 0 else "",
            port=port,
            tls=tls,
            root=site.folder,
            backend=backend,
        )
        config = Path(folder, "h2o.conf")
        config.write_text(text)
        with listening([program, "-c", config], port):
            yield _target(port, certificate)


@contextmanager
def node(site: Site, certificate: Certificate | None) -> Iterator[Target]:
    """A server on Node's http2 module."""
    command = [require_program("node"), str(PROGRAMS / "server.mjs"), str(site.folder)]
    if certificate:
        command += [str(certificate.chain), str(certificate.key)]
    with serving(command) as server:
        yield _target(server.port, certificate)


@contextmanager
def hypercorn(site: Site, certificate: Certificate | None) -> Iterator[Target]:
    """hypercorn, which itself uses the h2 under test; in cleartext it also accepts `Upgrade`."""
    require_module("hypercorn")
    port = free_port()
    command = [sys.executable, "-m", "hypercorn", "--bind", f"127.0.0.1:{port}"]
    if certificate:
        command += ["--certfile", str(certificate.chain), "--keyfile", str(certificate.key)]
    command.append("application:application")
    path = os.pathsep.join([str(PROGRAMS), os.environ.get("PYTHONPATH", "")])
    with listening(command, port, {"H2_TEST_FOLDER": str(site.folder), "PYTHONPATH": path}):
        yield _target(port, certificate)


#: All of them, by the names that the matrix uses.
SERVERS: dict[str, Start] = {
    "nghttpd": nghttpd,
    "nginx": nginx,
    "Apache httpd": apache,
    "h2o": h2o,
    "Node http2": node,
    "hypercorn": hypercorn,
}
